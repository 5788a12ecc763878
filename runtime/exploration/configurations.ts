/**
 * What is explored. Everything in CONFIGURATIONS is explored to the end whenever the tests run, and
 * LONG_CONFIGURATIONS with EXPLORE=long. A, F, R, G: appenders, fillers, readers, reconfigurers.
 */
import type { LogMemory } from '../../actors/log-memory.ts';
import type { Configuration } from './explorer.ts';
import {
  appender,
  filler,
  reader,
  repairer,
  replacer,
  restorer,
  sequencerReplacer,
} from './processes.ts';

const mailbox = { link: 'mailbox' } as const;
const impatient = { takeovers: 1 } as const;
const stream = { streams: [1] };

/** The spare has had a life before: nothing of it may show. */
function usedSpare(memory: LogMemory): void {
  const { slots } = memory.unit(2);
  for (let address = 0; address < 4; address++) slots.tryJunk(address);
}

export const CONFIGURATIONS: readonly Configuration[] = [
  {
    name: '2A 1F',
    replicas: 2,
    processes: [appender('a'), appender('b'), filler('f', [0, 1])],
  },
  {
    name: '2A 1F, 1 kill',
    replicas: 2,
    kills: 1,
    processes: [appender('a'), appender('b'), filler('f', [0, 1])],
  },
  {
    name: '2A 1F, 3 replicas, 1 kill',
    replicas: 3,
    kills: 1,
    processes: [appender('a'), appender('b'), filler('f', [0, 1])],
  },
  {
    name: '2A 1R',
    replicas: 2,
    processes: [appender('a'), appender('b'), reader('r', [0, 1, 0], { takeovers: 2 })],
  },
  {
    name: '1A 1F 1G',
    replicas: 2,
    spares: 1,
    prepare: usedSpare,
    processes: [appender('a'), filler('f', [0, 1]), replacer('g', 0)],
  },
  {
    name: '1A 1R 1G',
    replicas: 2,
    spares: 1,
    prepare: usedSpare,
    processes: [appender('a'), reader('r', [0, 0], impatient), replacer('g', 0)],
  },
  {
    name: '2A 1F 1G',
    replicas: 2,
    spares: 1,
    processes: [appender('a'), appender('b'), filler('f', [0, 1]), replacer('g', 0)],
  },
  {
    name: '2A 1F 1G, 1 kill, sequencer crash',
    replicas: 2,
    kills: 1,
    sequencerCrashes: 1,
    mayStall: true,
    processes: [appender('a'), appender('b'), filler('f', [0, 1]), repairer('g')],
  },
  {
    name: '2A 1G that lives, 1 kill, sequencer crash: nobody waits for ever',
    replicas: 2,
    spares: 1,
    kills: 1,
    sequencerCrashes: 1,
    processes: [appender('a'), appender('b'), repairer('g', { mortal: false })],
  },
  {
    name: '2A 1F 1G, unit crash, spare',
    replicas: 2,
    spares: 1,
    unitCrashes: [0, 1],
    prepare: usedSpare,
    processes: [appender('a'), appender('b'), filler('f', [0]), repairer('g')],
  },
  {
    name: '1A 1F 1G, 1 kill, sequencer crash, unit crash, spare',
    replicas: 2,
    spares: 1,
    kills: 1,
    sequencerCrashes: 1,
    unitCrashes: [0, 1],
    mayStall: true,
    processes: [appender('a', impatient), filler('f', [0]), repairer('g')],
  },
  {
    name: '2G 1A, different units',
    replicas: 2,
    spares: 1,
    prepare: usedSpare,
    kills: 1,
    mayStall: true,
    processes: [appender('a', impatient), replacer('g', 0), replacer('h', 1)],
  },
  {
    name: '2G 1A, the same unit',
    replicas: 2,
    spares: 2,
    kills: 1,
    mayStall: true,
    processes: [appender('a'), replacer('g', 0), replacer('h', 0)],
  },
  {
    name: '2G 1A, a unit and the sequencer',
    replicas: 2,
    spares: 2,
    processes: [appender('a'), replacer('g', 0), sequencerReplacer('h')],
  },
  {
    name: '2G 1A 1F, different units',
    replicas: 2,
    spares: 2,
    processes: [appender('a'), filler('f', [0]), replacer('g', 0), replacer('h', 1)],
  },
  {
    name: '1A 1R 1G, rebuild',
    replicas: 2,
    spares: 1,
    prepare: usedSpare,
    processes: [appender('a'), reader('r', [0], impatient), restorer('g', 0)],
  },
  {
    name: '2A of a stream, 1G of the sequencer',
    replicas: 2,
    kills: 1,
    mayStall: true,
    processes: [appender('a', stream), appender('b', stream), sequencerReplacer('g')],
  },
  {
    name: '1A of two entries of a stream, 1F, 1G of the sequencer',
    replicas: 2,
    processes: [
      appender('a', { ...stream, times: 2 }),
      filler('f', [0, 1]),
      sequencerReplacer('g'),
    ],
  },
  {
    name: '2A 1F by mailbox, 1 kill',
    replicas: 2,
    kills: 1,
    processes: [appender('a', mailbox), appender('b', mailbox), filler('f', [0, 1], mailbox)],
  },
  {
    name: '2A 1G of the sequencer by mailbox, 1 kill',
    replicas: 2,
    kills: 1,
    mayStall: true,
    processes: [appender('a', mailbox), appender('b', mailbox), sequencerReplacer('g', mailbox)],
  },
  {
    name: '1A 1F 1G by mailbox',
    replicas: 2,
    spares: 1,
    processes: [appender('a', mailbox), filler('f', [0, 1], mailbox), replacer('g', 0, mailbox)],
  },
];

export const LONG_CONFIGURATIONS: readonly Configuration[] = [
  {
    name: '2A 1G, 1 kill, takeover',
    replicas: 2,
    spares: 1,
    kills: 1,
    mayStall: true,
    processes: [appender('a', impatient), appender('b'), replacer('g', 0)],
  },
  {
    name: '2A 1F of two positions 1G, unit crash, spare',
    replicas: 2,
    spares: 1,
    unitCrashes: [0, 1],
    prepare: usedSpare,
    processes: [appender('a'), appender('b'), filler('f', [0, 1]), repairer('g')],
  },
  {
    name: '2G 1A 1F, a unit and the sequencer',
    replicas: 2,
    spares: 1,
    processes: [appender('a'), filler('f', [0]), replacer('g', 0), sequencerReplacer('h')],
  },
  {
    name: '2A 1F 1G by mailbox',
    replicas: 2,
    spares: 1,
    processes: [
      appender('a', mailbox),
      appender('b', mailbox),
      filler('f', [0], mailbox),
      replacer('g', 0, mailbox),
    ],
  },
  {
    name: '2A 1F 1G, 1 kill, unit crash, spare',
    replicas: 2,
    spares: 1,
    kills: 1,
    unitCrashes: [0],
    mayStall: true,
    processes: [appender('a'), appender('b'), filler('f', [0]), repairer('g')],
  },
  {
    name: 'everything: 2A 1F 1G, 1 kill, sequencer crash, unit crash, spare',
    replicas: 2,
    spares: 1,
    kills: 1,
    sequencerCrashes: 1,
    unitCrashes: [0, 1],
    prepare: usedSpare,
    mayStall: true,
    processes: [appender('a'), appender('b'), filler('f', [0, 1]), repairer('g')],
  },
];

export function configurationOf(name: string): Configuration | undefined {
  return [...CONFIGURATIONS, ...LONG_CONFIGURATIONS].find((one) => one.name === name);
}
