package server

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestALinkOfTheOperatorSetsAPasswordOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	const link, next = "one-time-token-of-the-test", "an even better passphrase"
	d.store.link, d.store.expires = link, d.now.Add(time.Hour)
	shows(t, d.open("/reset/wrong"), http.StatusNotFound, "There is nothing here")
	shows(t, d.open("/reset/"+link), http.StatusOK, "jane@acme.io")
	shows(t, d.send("/reset/"+link, form("password", "short", "password_again", "short")), http.StatusUnprocessableEntity, "at least 12")
	shows(t, d.send("/reset/"+link, form("password", next, "password_again", "another")), http.StatusUnprocessableEntity, "differ")
	leads(t, d.send("/reset/"+link, form("password", next, "password_again", next)), "/sign-in")
	leads(t, d.open("/settings"), toSign)
	shows(t, d.open("/reset/"+link), http.StatusNotFound, "There is nothing here")
	leads(t, d.send("/sign-in", form("email", "jane@acme.io", "password", next)), "/")
	if strings.Contains(d.log.String(), link) {
		t.Error("the log tells the link")
	}
	d.store.link, d.store.expires = link, d.now
	shows(t, d.open("/reset/"+link), http.StatusNotFound, "There is nothing here")
}
