package app

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"crosswalk/internal/automation"
)

// metrics are what an operator watches. No label carries customers' data.
type metrics struct {
	registry *prometheus.Registry
	runs     *prometheus.CounterVec
	calls    *prometheus.HistogramVec
	polls    *prometheus.CounterVec
	found    *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crosswalk_runs_total", Help: "Runs that ended or wait, by state and outcome.",
		}, []string{"state", "outcome"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crosswalk_provider_call_seconds", Help: "Calls to providers, by host, method and status (0: no answer).",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"host", "method", "status"}),
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crosswalk_polls_total", Help: "Polls, by provider and whether they worked.",
		}, []string{"provider", "ok"}),
		found: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crosswalk_poll_changes_total", Help: "Changes found by polling, by provider.",
		}, []string{"provider"}),
	}
	m.registry.MustRegister(m.runs, m.calls, m.polls, m.found, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) run(r automation.Run) {
	outcome := string(r.Outcome)
	if outcome == "" {
		outcome = "none"
	}
	m.runs.WithLabelValues(string(r.State), outcome).Inc()
}

func (m *metrics) polled(provider string, fresh int, err error) {
	m.polls.WithLabelValues(provider, strconv.FormatBool(err == nil)).Inc()
	m.found.WithLabelValues(provider).Add(float64(fresh))
}

// watch times every exchange of a transport.
func (m *metrics) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		start := time.Now()
		resp, err := next.RoundTrip(r)
		status := "0"
		if err == nil {
			status = strconv.Itoa(resp.StatusCode)
		}
		m.calls.WithLabelValues(r.URL.Host, r.Method, status).Observe(time.Since(start).Seconds())
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
