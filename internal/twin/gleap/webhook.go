package gleap

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lanes          = 4
	laneCapacity   = 10_000
	maxAttempts    = 4 // retries are unconfirmed (§12): a few
	attemptTimeout = 10 * time.Second
	firstBackoff   = 250 * time.Millisecond
	closePatience  = 2 * time.Second
)

// fire tells the webhook about a ticket, in the shape of body A, the norm: §12.
// The ticket carries its secretShareToken, as the real ones do. API writes of a
// client come back to it like everything else.
func (t *Twin) fire(event string, ticket object) {
	if t.silent || t.cfg.Tap == nil && t.db.webhookURL == "" {
		return
	}
	copies := 1
	switch {
	case spend(&t.faults.WebhooksLost):
		t.hooks.lost.Add(1)
		return
	case spend(&t.faults.WebhooksDoubled):
		copies = 2
	}
	body, err := json.Marshal(object{"event": event, "projectId": t.cfg.ProjectID, "data": t.ticketView(ticket)})
	if err != nil { // decoded JSON always encodes
		return
	}
	for range copies {
		if t.cfg.Tap != nil {
			t.tapped = append(t.tapped, body)
			continue
		}
		t.hooks.enqueue(delivery{
			lane: text(ticket, "_id"), url: t.db.webhookURL, body: body,
			after: time.Duration(t.faults.WebhookDelayMs) * time.Millisecond,
		})
	}
}

type delivery struct {
	lane    string
	url     string
	body    []byte
	after   time.Duration // how long to hold it back
	due     time.Time
	attempt int
}

// deliverer sends events. Those of one ticket keep their order on the first
// attempt; a retry may overtake or be overtaken.
type deliverer struct {
	client  *http.Client
	headers map[string]string
	warn    func(msg string, args ...any)

	sent, lost atomic.Int64

	ctx    context.Context // ends deliveries under way
	cancel context.CancelFunc
	start  sync.Once
	wg     sync.WaitGroup

	mu      sync.Mutex
	queues  [lanes]chan delivery
	retries map[*time.Timer]struct{}
	closed  bool
}

func newDeliverer(t *Twin) *deliverer {
	client := http.Client{}
	if t.cfg.Client != nil {
		client = *t.cfg.Client
	}
	// A redirect is no 2xx, and is not followed.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	d := &deliverer{client: &client, headers: maps.Clone(t.cfg.WebhookHeaders), warn: t.cfg.Logger.Warn, retries: map[*time.Timer]struct{}{}}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// enqueue never blocks: what does not fit is lost and counted. The workers
// start with the first event, so that a quiet twin has no goroutine.
func (d *deliverer) enqueue(x delivery) {
	x.due = time.Now().Add(x.after)
	h := fnv.New32a()
	_, _ = io.WriteString(h, x.lane)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		d.lost.Add(1)
		return
	}
	d.start.Do(func() {
		for i := range d.queues {
			d.queues[i] = make(chan delivery, laneCapacity)
			d.wg.Go(func() { d.work(d.queues[i]) })
		}
	})
	select {
	case d.queues[h.Sum32()%lanes] <- x:
	default:
		d.lost.Add(1)
		d.warn("webhook queue is full")
	}
}

func (d *deliverer) work(queue <-chan delivery) {
	for x := range queue {
		if wait := time.Until(x.due); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-d.ctx.Done():
				timer.Stop()
			}
		}
		if d.ctx.Err() != nil {
			d.lost.Add(1)
			continue
		}
		d.deliver(x)
	}
}

func (d *deliverer) deliver(x delivery) {
	x.attempt++
	status, err := d.post(x)
	if err == nil && status >= 200 && status < 300 {
		d.sent.Add(1)
		return
	}
	if x.attempt >= maxAttempts {
		d.lost.Add(1)
		d.warn("webhook given up", "status", status)
		return
	}
	x.after = firstBackoff << (2 * (x.attempt - 1))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		d.lost.Add(1)
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(x.after, func() {
		d.mu.Lock()
		_, live := d.retries[timer]
		delete(d.retries, timer)
		d.mu.Unlock()
		if live {
			x.after = 0
			d.enqueue(x)
		}
	})
	d.retries[timer] = struct{}{}
}

// header has no signature, which Gleap has none of: §12.
func (d *deliverer) header() http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	for name, value := range d.headers {
		h.Set(name, value)
	}
	return h
}

func (d *deliverer) post(x delivery) (status int, err error) {
	ctx, cancel := context.WithTimeout(d.ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.url, bytes.NewReader(x.body))
	if err != nil {
		return 0, err
	}
	req.Header = d.header()
	res, err := d.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, nil
}

// close sends what is queued, for a bounded time, and gives up retries.
func (d *deliverer) close() {
	d.mu.Lock()
	d.closed = true
	for timer := range d.retries {
		timer.Stop()
		d.lost.Add(1)
	}
	clear(d.retries)
	for _, q := range d.queues {
		if q != nil {
			close(q)
		}
	}
	d.mu.Unlock()
	done := make(chan struct{})
	go func() { d.wg.Wait(); close(done) }()
	timer := time.NewTimer(closePatience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	d.cancel()
	<-done
}
