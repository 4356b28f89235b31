package highlevel

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"hash/fnv"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lanes          = 4
	laneCapacity   = 10_000
	maxAttempts    = 12 // §7.3
	attemptTimeout = 10 * time.Second
	firstBackoff   = 250 * time.Millisecond // much shorter than the vendor's, for people who wait
	maxBackoff     = 30 * time.Second
	closePatience  = 2 * time.Second
)

// delivery is one event on its way. A retry sends the very same bytes, so its
// webhookId and timestamp stay: §7.3.
type delivery struct {
	lane    string
	url     string
	body    []byte
	after   time.Duration // how long to hold it back
	due     time.Time
	attempt int
}

// deliverer sends events. Those of one contact keep their order on the first
// attempt; a retry may overtake or be overtaken, as the vendor gives no
// guarantee (§7.3).
type deliverer struct {
	sign   func([]byte) string
	client *http.Client
	warn   func(msg string, args ...any)

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
	d := &deliverer{
		client: &client, warn: t.cfg.Logger.Warn, retries: map[*time.Timer]struct{}{},
		sign: func(body []byte) string { return base64.StdEncoding.EncodeToString(ed25519.Sign(t.signKey, body)) },
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// enqueue never blocks: what does not fit is lost and counted. The workers
// start with the first event, so that a quiet twin has no goroutine.
func (d *deliverer) enqueue(x delivery) {
	d.start.Do(func() {
		for i := range d.queues {
			d.queues[i] = make(chan delivery, laneCapacity)
			d.wg.Go(func() { d.work(d.queues[i]) })
		}
	})
	x.due = time.Now().Add(x.after)
	h := fnv.New32a()
	_, _ = io.WriteString(h, x.lane)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		d.lost.Add(1)
		return
	}
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
			select {
			case <-time.After(wait):
			case <-d.ctx.Done():
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
	// Any other answer, and none, is retried: §7.3.
	if x.attempt >= maxAttempts {
		d.lost.Add(1)
		d.warn("webhook given up", "status", status)
		return
	}
	x.after = min(firstBackoff<<(x.attempt-1), maxBackoff)
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

func (d *deliverer) post(x delivery) (status int, err error) {
	ctx, cancel := context.WithTimeout(d.ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.url, bytes.NewReader(x.body))
	if err != nil {
		return 0, err
	}
	req.Header = d.header(x.body)
	res, err := d.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, nil
}

// header holds the Ed25519 signature over the exact bytes of the body: §7.2.
func (d *deliverer) header(body []byte) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("X-GHL-Signature", d.sign(body))
	return h
}

// close sends what is queued, for a bounded time, and gives up retries.
func (d *deliverer) close() {
	d.start.Do(func() {}) // never start from here on
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
	select {
	case <-done:
	case <-time.After(closePatience):
	}
	d.cancel()
	<-done
}
