/** What tangolog and its peers are measured by: numbers under numbered keys, in transactions. */

export interface KeyStore extends AsyncDisposable {
  /** In a body: of its snapshot. Outside: everything whose change had returned is in it. */
  get(key: number): number | undefined;
  /** In a body only. */
  put(key: number, value: number): void;
  /** Serializable. Blocks until it has taken effect; the body may run again. */
  transact(body: () => void): void;
  /** Sets each key; resolves once all have taken effect. */
  putAll(keys: ArrayLike<number>, value: number): Promise<void>;
}
