package connectiontest_test

import (
	"testing"

	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
)

func TestTheStoreInMemoryIsAStore(t *testing.T) {
	t.Parallel()
	connectiontest.RunStore(t, func(*testing.T) connection.Store { return connectiontest.NewStore() })
}
