// Package connection is who is connected: installations and credentials, the OAuth flow, tokens that rotate,
// and the health of each account. It knows no provider by name: what is particular to one comes in as values.
// Secrets leave it sealed, and never appear in its errors.
package connection
