package app

import (
	"os"
	"testing"

	"crosswalk/internal/store/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }
