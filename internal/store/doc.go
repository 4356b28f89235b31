// Package store keeps everything durable: on SQLite in one file, or in PostgreSQL. It implements the ports that
// engine, connection and server declare. Rows never leave it, and nothing in it calls a provider, so a
// transaction is only ever as long as its SQL.
//
// Writes go through one door, Store.write. On SQLite a single committer gathers what is waiting into one
// transaction, so that many workers share one fsync; on PostgreSQL each write is a transaction of its own.
// Jobs are enqueued inside the same transaction by the hook the app sets with OnEnqueue.
//
// Time is stored as microseconds since 1970 and read back in UTC.
package store
