/**
 * A schedule as text: `A*3 B !A ~C` lets the thread A take three steps and B one, kills A, and lets
 * the deadline of C pass.
 */
import { Act, type Choice } from './machine.ts';

export function formatSchedule(choices: readonly Choice[], names: readonly string[]): string {
  const parts: string[] = [];
  for (let i = 0; i < choices.length; ) {
    const { thread, act } = choices[i];
    if (act !== Act.STEP) {
      parts.push(`${act === Act.KILL ? '!' : '~'}${names[thread]}`);
      i++;
      continue;
    }
    let end = i;
    while (choices[end]?.thread === thread && choices[end].act === Act.STEP) end++;
    parts.push(end - i === 1 ? names[thread] : `${names[thread]}*${end - i}`);
    i = end;
  }
  return parts.join(' ');
}

export function parseSchedule(text: string, names: readonly string[]): Choice[] {
  const choices: Choice[] = [];
  for (const part of text.split(' ').filter((word) => word !== '')) {
    const act = part[0] === '!' ? Act.KILL : part[0] === '~' ? Act.DEADLINE : Act.STEP;
    const [name, times] = (act === Act.STEP ? part : part.slice(1)).split('*');
    const thread = names.indexOf(name);
    if (thread < 0) throw new Error(`the schedule names a thread: ${part}, of ${names.join(', ')}`);
    for (let i = 0; i < Number(times ?? 1); i++) choices.push({ thread, act });
  }
  return choices;
}
