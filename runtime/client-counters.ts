/** What one client has done; plain numbers of its own thread. */
export class ClientCounters {
  appends = 0;
  appendedBytes = 0;
  /** Appends that met an answer other than OK on their way. */
  disturbedAppends = 0;
  reads = 0;
  /** Entries fetched from a storage unit's memory. */
  fetches = 0;
  /** Values copied down a chain for a writer that had not finished. */
  repairs = 0;
  /** Positions this client decided as junk. */
  fills = 0;
  trims = 0;
  /** Checkpoints of all objects that this client wrote. */
  checkpoints = 0;
  /** Projections this client installed. */
  reconfigurations = 0;
}
