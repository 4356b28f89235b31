package gleap

// Who wrote something last. Nobody did what was there from the start.
const (
	byAPI    = "api"
	byPerson = "person"
)

// begin starts a piece of somebody's work, alone with the database.
func (t *Twin) begin(writer string) {
	t.mu.Lock()
	t.db.writer = writer
}

// end gives the database back. The webhooks that the work has caused are handed
// to Tap without the lock, so that it may call the twin. Only one call does so
// at a time and takes along what others, or Tap itself, cause meanwhile: this
// keeps the order.
func (t *Twin) end() {
	for len(t.tapped) > 0 && !t.tapping {
		body := t.tapped[0]
		t.tapped = t.tapped[1:]
		t.tapping = true
		t.mu.Unlock()
		t.cfg.Tap(body, t.hooks.header())
		t.hooks.sent.Add(1)
		t.mu.Lock()
		t.tapping = false
	}
	t.mu.Unlock()
}
