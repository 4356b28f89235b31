// Command crosswalk is the whole product in one binary: the server, a worker, the migrations, the twins and a
// doctor. It reads flags and the environment, hands them to app, and passes signals on; nothing else.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"crosswalk/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := app.Main(ctx, os.Args[1:], os.Environ(), app.Streams{Out: os.Stdout, Err: os.Stderr, In: os.Stdin})
	stop()
	os.Exit(code)
}
