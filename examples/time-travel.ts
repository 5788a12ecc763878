/** The past is in the log: objects as they were, consistent with each other, and who changed what when. */
import { open } from '../index.ts';

interface Item {
  readonly price: number;
  readonly stock: number;
}

async function main(): Promise<void> {
  await using tango = await open();
  const items = await tango.map<string, Item>('items');
  const orders = await tango.list<string>('orders');

  await items.set('apple', { price: 2, stock: 10 });
  await items.set('pear', { price: 3, stock: 5 });
  const opening = await tango.sync();

  for (const item of ['apple', 'apple', 'pear']) {
    await tango.transact(() => {
      const { price, stock } = items.get(item) as Item;
      items.setSync(item, { price, stock: stock - 1 });
      orders.pushSync(item);
    });
  }
  const evening = await tango.sync();
  await items.delete('pear');
  await orders.clear();
  console.log(`now: ${describe([...items])}, ${orders.length} orders`);

  // All objects of one position: what was true together.
  const then = await tango.at(evening);
  const itemsThen = await then.map<string, Item>('items');
  console.log(
    `in the evening: ${describe([...itemsThen])}, ${(await then.list('orders')).length} orders`,
  );
  const atOpening = await (await tango.at(opening)).map<string, Item>('items');
  console.log(`at opening: ${describe([...atOpening])}`);

  // The changes in between, each transaction as one.
  for await (const { position, updates } of tango.changes({ from: opening, to: evening })) {
    console.log(
      `${position}: ${updates.map(({ object, keys }) => `${object} ${keys}`).join(' and ')}`,
    );
  }

  // What was deleted by mistake comes back from the past.
  const pear = itemsThen.get('pear');
  if (pear !== undefined) await items.set('pear', pear);
  console.log(`restored: ${describe([...items])}`);
}

function describe(items: readonly (readonly [string, Item])[]): string {
  return items.map(([name, { stock }]) => `${name} ${stock}`).join(', ');
}

void main();
