// Package engine decides and does: Plan is pure and says what would be written; Reconciler carries plans out,
// journalled; Router, Poller and DryRun feed it. It declares the ports it needs; adapters live elsewhere.
// It must never know a provider's name, SQL or HTML.
//
// Invariants, cited where they are enforced:
//
//	I1  No write to a provider before its intent is durable.
//	I2  The answer, the link and the base become durable together.
//	I3  An open intent is looked up before anything is repeated: there are no idempotency keys.
//	I4  An event is stored before its sender is told so; a stored event is routed at least once.
//	I5  One key (automation, record) is worked on by one worker at a time.
//	I6  A dry run and a live run decide with the same function, Plan.
//	I7  Nothing unmapped is ever written; sets are changed by element, never overwritten.
//	I8  "Not found" is believed only from a direct look-up, never from a listing or a search index. A match key that
//	    only an index can look up may find somebody; nothing is made because it found nobody.
package engine
