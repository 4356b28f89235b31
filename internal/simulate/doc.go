// Package simulate runs the whole sync in a made-up world, thousands of times. One seed is one world: both twins,
// reached in memory through the real adapters, two workers and a front process over a store in memory or the real one on
// SQLite, a clock that only moves when something happens, people who type on both sides at the worst moments, and networks,
// providers and processes that fail. Every decision comes from the seed, so that a world that went wrong can be looked at
// again, step by step; which store it is changes nothing.
//
// When people and failures have stopped and the world has come to rest, an auditor judges it. The auditor knows what
// people typed, what was sent to the twins and what they hold; it does not know the engine, and shares none of its
// comparisons. That it would notice is proven by breaking the engine on purpose (Mutation).
package simulate
