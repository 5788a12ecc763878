/** Many tasks may share a signal: one listener for all of them, as Node warns of more than ten. */
export class AbortListeners {
  readonly #callbacks = new WeakMap<AbortSignal, Set<() => void>>();

  /** Calls `onAbort` when the signal is raised, unless what is returned was called before. */
  add(signal: AbortSignal | undefined, onAbort: () => void): () => void {
    if (signal === undefined) return () => {};
    const callbacks = this.#callbacks.get(signal) ?? this.#listen(signal);
    const call = (): void => onAbort();
    callbacks.add(call);
    return () => callbacks.delete(call);
  }

  #listen(signal: AbortSignal): Set<() => void> {
    const callbacks = new Set<() => void>();
    const onAbort = (): void => {
      for (const call of callbacks) call();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#callbacks.set(signal, callbacks);
    return callbacks;
  }
}
