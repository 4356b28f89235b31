package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"crosswalk/internal/config"
)

func TestThePublicAddressIsSpeltAsBrowsersSpellIt(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://Crosswalk.Example.com/": "https://crosswalk.example.com",
		"HTTPS://example.com":            "https://example.com",
		"https://example.com:443":        "https://example.com",
		"https://example.com:8443":       "https://example.com:8443",
		"http://LOCALHOST:80/":           "http://localhost",
		"http://[::1]:8080":              "http://[::1]:8080",
	} {
		c, err := config.Load([]string{"CROSSWALK_PUBLIC_URL=" + given}, config.Overrides{})
		if err != nil || c.PublicURL != want || c.Secure() != strings.HasPrefix(want, "https:") {
			t.Errorf("%s: got %q, secure %v, %v; want %q", given, c.PublicURL, c.Secure(), err, want)
		}
	}
}

func TestAddressesThatCannotBeOursAreRefused(t *testing.T) {
	t.Parallel()
	for _, env := range []string{
		"PUBLIC_URL=https://example.com/app", "PUBLIC_URL=https://example.com?", "PUBLIC_URL=https://example.com/#", "PUBLIC_URL=https://:443",
		"PUBLIC_URL=example.com", "PUBLIC_URL=ftp://example.com", "PUBLIC_URL=http://10.0.0.7:8080", "PUBLIC_URL=http://localhost.example.com",
		"ADDR=127.0.0.1:99999", "ADDR=127.0.0.1:", "ADDR=127.0.0.1:web", "ADDR=127.0.0.1", "GLEAP_BASE_URL=https://", "HIGHLEVEL_BASE_URL=services",
	} {
		name, _, _ := strings.Cut(env, "=")
		_, err := config.Load([]string{config.Prefix + env}, config.Overrides{})
		problems, ok := errors.AsType[config.Problems](err)
		if !ok || len(problems) != 1 || !strings.HasPrefix(problems[0], config.Prefix+name+":") {
			t.Errorf("%s: got %v", env, err)
		}
	}
}

func TestListeningForOthersNeedsAnAddressTheyCanTrust(t *testing.T) {
	t.Parallel()
	_, err := config.Load([]string{"CROSSWALK_ADDR=192.168.1.5:8080"}, config.Overrides{})
	problems, ok := errors.AsType[config.Problems](err)
	if !ok || len(problems) != 1 || !strings.Contains(problems[0], "CROSSWALK_PUBLIC_URL is not set") || !strings.Contains(problems[0], "CROSSWALK_ADDR") {
		t.Fatalf("got %v", err)
	}
	if _, err := config.Load([]string{"CROSSWALK_ADDR=192.168.1.5:8080", "CROSSWALK_PUBLIC_URL=https://example.com"}, config.Overrides{}); err != nil {
		t.Error(err)
	}
	for _, anywhere := range []string{"0.0.0.0:8080", ":8080", "[::]:8080"} {
		c, err := config.Load([]string{"CROSSWALK_ADDR=" + anywhere}, config.Overrides{})
		if err != nil || c.PublicURL != "http://127.0.0.1:8080" {
			t.Errorf("%s: got %q, %v", anywhere, c.PublicURL, err)
		}
	}
}

func TestAPasswordInAnAddressIsNotRepeated(t *testing.T) {
	t.Parallel()
	_, err := config.Load([]string{"CROSSWALK_GLEAP_BASE_URL=https://me:hush@gleap.test", "CROSSWALK_PUBLIC_URL=https://me:hush@x.test"}, config.Overrides{})
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}

func TestWhatAClusterSetsIsNotTakenForAMistake(t *testing.T) {
	t.Parallel()
	if _, err := config.Load([]string{
		"CROSSWALK_SERVICE_HOST=10.0.0.1", "CROSSWALK_SERVICE_PORT=8080", "CROSSWALK_SERVICE_PORT_HTTP=8080", "CROSSWALK_PORT=tcp://10.0.0.1:8080",
		"CROSSWALK_PORT_8080_TCP=tcp://10.0.0.1:8080", "CROSSWALK_PORT_8080_TCP_PROTO=tcp", "CROSSWALK_PORT_8080_TCP_PORT=8080", "CROSSWALK_PORT_8080_TCP_ADDR=10.0.0.1",
	}, config.Overrides{}); err != nil {
		t.Error(err)
	}
	if _, err := config.Load([]string{"CROSSWALK_PORT=8080"}, config.Overrides{}); err == nil {
		t.Error("CROSSWALK_PORT=8080 was ignored")
	}
}

func TestNoVerbShowsASecret(t *testing.T) {
	t.Parallel()
	s := config.Secret("hush")
	nested := struct{ S config.Secret }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%10s"} {
		for _, v := range []any{s, &s, nested, &nested, []config.Secret{s}, map[string]config.Secret{"k": s}} {
			got := fmt.Sprintf(verb, v)
			if strings.Contains(got, "hush") || strings.Contains(strings.ToLower(got), "68757368") {
				t.Errorf("%s of %T: %s", verb, v, got)
			}
		}
	}
	if got := fmt.Sprintf("%s|%v|%#v|%q", s, s, s, s); got != `[redacted]|[redacted]|"[redacted]"|"[redacted]"` {
		t.Errorf("got %s", got)
	}
	if got := fmt.Sprint(config.Secret("")); got != "" {
		t.Errorf("an empty secret reads %q", got)
	}
}
