package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"crosswalk/internal/config"
	"crosswalk/internal/server"
)

// graceful is how long running jobs and requests may take to end; what is cut off is found again.
const graceful = 15 * time.Second

// settings reads flags and environment into a Config.
func (c *call) settings(demo *bool) (config.Config, error) {
	var over config.Overrides
	c.flags.StringVar(&over.Addr, "addr", "", "address to listen on (CROSSWALK_ADDR)")
	c.flags.StringVar(&over.Data, "data", "", "data folder (CROSSWALK_DATA)")
	if err := c.parse(); err != nil {
		return config.Config{}, err
	}
	if demo != nil {
		over.Demo = *demo
	}
	cfg, err := config.Load(c.env, over)
	if err != nil {
		fmt.Fprintf(c.Err, "crosswalk %s: %v\n", c.flags.Name(), err)
		return cfg, errUsage
	}
	return cfg, nil
}

func serveCommand(ctx context.Context, c *call) error {
	demo := c.flags.Bool("demo", false, "start both twins, seeded, and connect to them")
	cfg, err := c.settings(demo)
	if err != nil {
		return err
	}
	if cfg.Demo && !slices.ContainsFunc(c.env, func(kv string) bool { return strings.HasPrefix(kv, config.Prefix+"LOG_LEVEL=") }) {
		cfg.LogLevel = slog.LevelWarn // whoever tries the demo wants to read what to do next
	}
	log := logger(cfg, c)
	var twins *demoTwins
	if cfg.Demo {
		if twins, err = startDemoTwins(cfg.Data, log); err != nil {
			return err
		}
		defer func() {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := twins.stop(end); err != nil {
				log.Error("stop twins", "err", err)
			}
		}()
		cfg = twins.configure(cfg)
	}
	return serve(ctx, cfg, roles{serve: true, work: true}, twins, c.Out, log)
}

// ServeUnlimited serves without the providers' call limits. It is for benchmarks against instant twins; pointed
// at a real account it would soon be refused.
func ServeUnlimited(ctx context.Context, env []string, streams Streams) error {
	cfg, err := config.Load(env, config.Overrides{})
	if err != nil {
		return err
	}
	log := logger(cfg, &call{Streams: streams})
	return serve(ctx, cfg, roles{serve: true, work: true, unlimited: true}, nil, streams.Out, log)
}

func workCommand(ctx context.Context, c *call) error {
	cfg, err := c.settings(nil)
	if err != nil {
		return err
	}
	log := logger(cfg, c)
	if cfg.DatabaseURL == "" {
		return errors.New("a worker of its own needs PostgreSQL: set CROSSWALK_DATABASE_URL; on the embedded database `crosswalk serve` is the worker")
	}
	h, err := build(ctx, cfg, roles{work: true}, log)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.queue.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	log.LogAttrs(ctx, slog.LevelInfo, "working", cfg.Summary()...)
	var books sync.WaitGroup
	books.Go(func() { h.keepBooks(ctx) })
	books.Go(func() { h.keepWatch(ctx) })
	h.keeper.Run(ctx)
	books.Wait()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceful)
	defer cancel()
	err = h.queue.Stop(end)
	h.bookNow(context.WithoutCancel(ctx))
	return err
}

// serve runs the web pages and a worker until ctx ends. demo may be nil.
func serve(ctx context.Context, cfg config.Config, r roles, demo *demoTwins, out io.Writer, log *slog.Logger) error {
	started := time.Now()
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	h, err := build(ctx, cfg, r, log)
	if err != nil {
		return err
	}
	defer h.close()
	if cfg.DatabaseURL == "" {
		// Nobody else works on the embedded database: whatever is leased belonged to a process that is gone.
		if _, err := h.store.ReleaseAllLeases(ctx); err != nil {
			return err
		}
		if _, err := h.store.ResumePopulations(ctx); err != nil {
			return err
		}
	}
	web := webServer(h.server, log)
	g, run := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	if err := h.queue.Start(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(err, web.Close(), g.Wait())
	}
	log.LogAttrs(ctx, slog.LevelInfo, "serving", append(cfg.Summary(), slog.Int64("ready_ms", time.Since(started).Milliseconds()))...)
	if demo != nil {
		demo.hl.SetWebhookURL(cfg.PublicURL + "/hooks/highlevel")
	}
	greet(out, cfg, h.setupToken, demo)
	g.Go(func() error { h.keepBooks(run); return nil })
	g.Go(func() error { h.keepWatch(run); return nil })
	g.Go(func() error {
		h.keeper.Run(run)
		return nil
	})
	g.Go(func() error {
		<-run.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceful)
		defer cancel()
		h.server.Close()
		return errors.Join(web.Shutdown(end), h.queue.Stop(end))
	})
	err = g.Wait()
	h.bookNow(context.WithoutCancel(ctx))
	return err
}

// booksEvery is how often counts kept in memory are stored.
const booksEvery = 10 * time.Second

// keepBooks stores counts that are kept in memory, until ctx ends.
func (h *house) keepBooks(ctx context.Context) { every(ctx, booksEvery, h.bookNow) }

// every does something now and then until ctx ends.
func every(ctx context.Context, pause time.Duration, do func(context.Context)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do(ctx)
		}
	}
}

func (h *house) bookNow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if h.server != nil {
		if err := h.server.StoreRefusals(ctx); err != nil {
			h.log.WarnContext(ctx, "counts of refused deliveries are not stored", "err", err)
		}
	}
	if err := h.store.AddQuotaUse(ctx, h.providers.takeUse()...); err != nil {
		h.log.WarnContext(ctx, "the use of call limits is not stored", "err", err)
	}
	faults := h.providers.faults.take()
	if err := h.store.AddFaults(ctx, faults...); err != nil {
		h.providers.faults.giveBack(faults)
		h.log.WarnContext(ctx, "failed calls are not remembered", "err", err)
	}
	if err := h.providers.tell(ctx, h.store); err != nil {
		h.log.WarnContext(ctx, "what is used of call limits is not stored", "err", err)
	}
	if err := h.providers.learn(ctx, h.store); err != nil {
		h.log.WarnContext(ctx, "what others use of call limits is not known", "err", err)
	}
}

// webServer bounds what a connection may cost before a handler has seen anything of it.
func webServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: server.WriteWithin, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// greet says where to go next, on standard output, once.
func greet(out io.Writer, cfg config.Config, setupToken string, demo *demoTwins) {
	fmt.Fprintf(out, "\n  Crosswalk is running at %s\n", cfg.PublicURL)
	if setupToken != "" {
		fmt.Fprintf(out, "\n  Create your account there with this set-up token:\n\n      %s\n", setupToken)
	} else {
		fmt.Fprintf(out, "  Sign in with the account you created.\n")
	}
	if demo != nil {
		demo.greet(out)
	}
	fmt.Fprintf(out, "\n  Stop with Ctrl-C.\n\n")
}
