// Package provider is what the engine needs of a provider: a client, optional abilities, typed errors,
// webhook notices and descriptors. No provider's own type ever leaves its adapter.
package provider
