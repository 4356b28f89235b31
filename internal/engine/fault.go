package engine

import (
	"time"

	"crosswalk/internal/record"
)

// Fault is one call of a connection that failed.
type Fault struct {
	Connection record.ConnectionID
	At         time.Time
	Op         string // what was being done: "update contact"
	Kind       string // provider.Kind, by name
	Status     int    // HTTP status; 0 when there was no answer
	Detail     string // the provider's words, with what could name a person left out
	TraceID    string // what the provider's support finds the call by; often empty
}

// FaultsKept is how many faults of a connection are remembered.
const FaultsKept = 50
