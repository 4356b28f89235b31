package store_test

import (
	"testing"

	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/store/storetest"
)

func TestSQLiteKeepsConnectionsAsPromised(t *testing.T) {
	t.Parallel()
	connectiontest.RunStore(t, func(t *testing.T) connection.Store { return storetest.SQLite(t) })
}

func TestPostgresKeepsConnectionsAsPromised(t *testing.T) {
	t.Parallel()
	connectiontest.RunStore(t, func(t *testing.T) connection.Store { return storetest.Postgres(t) })
}
