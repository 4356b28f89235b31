// Package apiclient is the HTTP mechanics under every provider adapter: sending, deadlines, size limits,
// the rate budget, one token refresh, redaction and recording. It knows no provider; an adapter gives it
// credentials and a reading of refusals.
//
// It never retries on its own, apart from repeating a call once after a token refresh: when to try again is
// the queue's decision, made from the kind of the error.
package apiclient
