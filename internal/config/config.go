// Package config is the settings: read from the environment once, checked all at once, passed on explicitly.
// One table of options drives reading, help and the README.
package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Prefix begins every variable.
const Prefix = "CROSSWALK_"

// Config is every setting, valid.
type Config struct {
	Addr              string
	Data              string
	DatabaseURL       Secret
	PublicURL         string // no trailing slash
	Key               Secret
	OldKeys           Secret
	LogFormat         string
	LogLevel          slog.Level
	Workers           int
	PollEvery         time.Duration
	CompareEvery      time.Duration
	KeepDeliveries    time.Duration
	ReserveCalls      int // percent
	KeepAudit         time.Duration
	HighLevel         HighLevel
	Gleap             Gleap
	SetupToken        Secret
	MetricsToken      Secret
	MailServer        Secret // its address holds a password
	MailFrom          string
	AllowPrivateHosts bool
	TrustedProxies    []netip.Prefix
	Demo              bool
}

// HighLevel is the Marketplace app and where its API is.
type HighLevel struct {
	BaseURL, AuthorizeURL, ClientID string
	ClientSecret                    Secret
	WebhookPublicKeys               []string // SPKI in base64; none: the published one
	WebhookLegacy                   bool
	Agency                          bool // the app may be installed for a whole agency
	SharedSecret                    Secret
	FrameHosts                      []string // sources of a content security policy
}

// Gleap is where its API is, and the OAuth server of those who have one.
type Gleap struct {
	BaseURL, AuthorizeURL, TokenURL, ClientID string
	ClientSecret                              Secret
}

// Secure reports whether people reach us by https.
func (c Config) Secure() bool { return strings.HasPrefix(c.PublicURL, "https://") }

// Option is one setting as people read of it. Name is without Prefix.
type Option struct {
	Name, Default, Help, Example string
	Secret                       bool // may also come from a file, named in NAME_FILE

	set func(c *Config, v string) string // says what is wrong, or nothing
	get func(c Config) any
}

// Options lists every setting.
func Options() []Option { return options }

var options = []Option{
	{Name: "ADDR", Default: "127.0.0.1:8080", Help: "Address to listen on.", Example: "0.0.0.0:8080",
		set: func(c *Config, v string) string { c.Addr = v; return address(v) }, get: func(c Config) any { return c.Addr }},
	{Name: "DATA", Default: "data", Help: "Folder of the embedded database and the key file.", Example: "/var/lib/crosswalk",
		set: func(c *Config, v string) string { c.Data = v; return "" }, get: func(c Config) any { return c.Data }},
	{Name: "DATABASE_URL", Help: "PostgreSQL to use instead of the embedded SQLite; needed for several workers. A pooler in between must keep sessions (not transactions) apart.", Example: "postgres://crosswalk:…@db/crosswalk", Secret: true,
		set: func(c *Config, v string) string { c.DatabaseURL = Secret(v); return postgres(v) }, get: func(c Config) any { return c.DatabaseURL }},
	{Name: "PUBLIC_URL", Help: "How people and providers reach this server. Default: http:// and ADDR.", Example: "https://crosswalk.example.com",
		set: func(c *Config, v string) string { return publicURL(v, &c.PublicURL) }, get: func(c Config) any { return c.PublicURL }},
	{Name: "KEY", Help: "Key that secrets are encrypted with: 32 random bytes in base64. Default: made once and kept in DATA/key.", Example: "openssl rand -base64 32", Secret: true,
		set: func(c *Config, v string) string { c.Key = Secret(v); return "" }, get: func(c Config) any { return c.Key }},
	{Name: "OLD_KEYS", Help: "Keys that only open what was sealed with them, comma-separated; after `crosswalk secrets rotate` they can go.", Example: "the KEY of before", Secret: true,
		set: func(c *Config, v string) string { c.OldKeys = Secret(v); return "" }, get: func(c Config) any { return c.OldKeys }},
	{Name: "SETUP_TOKEN", Help: "Token that creates the first account. Default: made at start and printed.", Example: "a-long-random-text", Secret: true,
		set: func(c *Config, v string) string { c.SetupToken = Secret(v); return atLeast(v, 16) }, get: func(c Config) any { return c.SetupToken }},
	{Name: "METRICS_TOKEN", Help: "Bearer token of /metrics. Without it, only this machine may read them.", Example: "a-long-random-text", Secret: true,
		set: func(c *Config, v string) string { c.MetricsToken = Secret(v); return atLeast(v, 16) }, get: func(c Config) any { return c.MetricsToken }},
	{Name: "WORKERS", Default: "16", Help: "Records worked on at once.", Example: "32",
		set: func(c *Config, v string) string { return whole(v, 1, 500, &c.Workers) }, get: func(c Config) any { return c.Workers }},
	{Name: "POLL_EVERY", Default: "1m", Help: "How often providers are asked for what no webhook tells of.", Example: "30s",
		set: func(c *Config, v string) string { return duration(v, time.Second, 24*time.Hour, &c.PollEvery) }, get: func(c Config) any { return c.PollEvery }},
	{Name: "COMPARE_EVERY", Default: "24h", Help: "How often each automation compares everyone on both sides; 0 never does.", Example: "168h",
		set: func(c *Config, v string) string {
			if v == "0" {
				c.CompareEvery = 0
				return ""
			}
			return duration(v, time.Hour, 90*24*time.Hour, &c.CompareEvery)
		}, get: func(c Config) any { return c.CompareEvery }},
	{Name: "KEEP_DELIVERIES", Default: "720h", Help: "How long webhooks are kept as they arrived, encrypted, for the log and replays.", Example: "168h",
		set: func(c *Config, v string) string { return duration(v, time.Hour, 90*24*time.Hour, &c.KeepDeliveries) }, get: func(c Config) any { return c.KeepDeliveries }},
	{Name: "RESERVE_CALLS", Default: "10", Help: "Percent of each account's call limit that is left to other apps.", Example: "25",
		set: func(c *Config, v string) string { return whole(v, 0, 90, &c.ReserveCalls) }, get: func(c Config) any { return c.ReserveCalls }},
	{Name: "KEEP_AUDIT", Default: "8760h", Help: "How long the audit log is kept; 30 days (720h) at least.", Example: "17520h",
		set: func(c *Config, v string) string { return duration(v, 30*24*time.Hour, 10*8760*time.Hour, &c.KeepAudit) }, get: func(c Config) any { return c.KeepAudit }},
	{Name: "MAIL_SERVER", Help: "Mail server that tells the owners of a workspace when an automation paused itself or an account has to be reconnected. Without it, pages tell.", Example: "smtps://user:password@mail.example.com:465", Secret: true,
		set: func(c *Config, v string) string { c.MailServer = Secret(v); return "" }, get: func(c Config) any { return c.MailServer }},
	{Name: "MAIL_FROM", Default: "Crosswalk <crosswalk@localhost>", Help: "Sender of those mails.", Example: "Crosswalk <crosswalk@example.com>",
		set: func(c *Config, v string) string { c.MailFrom = v; return "" }, get: func(c Config) any { return c.MailFrom }},
	{Name: "LOG_FORMAT", Default: "text", Help: "text or json.", Example: "json",
		set: func(c *Config, v string) string { c.LogFormat = v; return oneOf(v, "text", "json") }, get: func(c Config) any { return c.LogFormat }},
	{Name: "LOG_LEVEL", Default: "info", Help: "debug, info, warn or error.", Example: "debug",
		set: func(c *Config, v string) string {
			if c.LogLevel.UnmarshalText([]byte(v)) != nil {
				return "is not debug, info, warn or error"
			}
			return ""
		}, get: func(c Config) any { return c.LogLevel }},
	{Name: "TRUSTED_PROXIES", Default: "127.0.0.0/8,::1/128", Help: "Networks of the proxies in front of it, parted by commas: who they say a request comes from is believed, and nobody else's word is.", Example: "127.0.0.0/8,172.18.0.0/16",
		set: func(c *Config, v string) string { return networks(v, &c.TrustedProxies) }, get: func(c Config) any { return networkList(c.TrustedProxies) }},
	{Name: "ALLOW_PRIVATE_HOSTS", Default: "false", Help: "Let API addresses point into a private network, and to this machine.", Example: "true",
		set: func(c *Config, v string) string { return boolean(v, &c.AllowPrivateHosts) }, get: func(c Config) any { return c.AllowPrivateHosts }},
	{Name: "HIGHLEVEL_BASE_URL", Default: "https://services.leadconnectorhq.com", Help: "HighLevel's API.", Example: "http://127.0.0.1:8091",
		set: func(c *Config, v string) string { c.HighLevel.BaseURL = strings.TrimRight(v, "/"); return webURL(v) }, get: func(c Config) any { return c.HighLevel.BaseURL }},
	{Name: "HIGHLEVEL_AUTHORIZE_URL", Default: "https://marketplace.gohighlevel.com/v2/oauth/chooselocation", Help: "HighLevel's consent page.", Example: "https://marketplace.leadconnectorhq.com/v2/oauth/chooselocation",
		set: func(c *Config, v string) string { c.HighLevel.AuthorizeURL = v; return webURL(v) }, get: func(c Config) any { return c.HighLevel.AuthorizeURL }},
	{Name: "HIGHLEVEL_CLIENT_ID", Help: "Client ID of your Marketplace app.", Example: "66a…-lz…",
		set: func(c *Config, v string) string { c.HighLevel.ClientID = v; return "" }, get: func(c Config) any { return c.HighLevel.ClientID }},
	{Name: "HIGHLEVEL_CLIENT_SECRET", Help: "Client secret of your Marketplace app.", Example: "…", Secret: true,
		set: func(c *Config, v string) string { c.HighLevel.ClientSecret = Secret(v); return "" }, get: func(c Config) any { return c.HighLevel.ClientSecret }},
	{Name: "HIGHLEVEL_AGENCY", Default: "false", Help: "Your app may be installed for a whole agency: ask for `oauth.readonly` and `oauth.write` too, which the app must then have.", Example: "true",
		set: func(c *Config, v string) string { return boolean(v, &c.HighLevel.Agency) }, get: func(c Config) any { return c.HighLevel.Agency }},
	{Name: "HIGHLEVEL_WEBHOOK_PUBLIC_KEY", Help: "Ed25519 keys HighLevel signs webhooks with, parted by commas: two while it changes keys. Default: the published one.", Example: "MCowBQYDK2VwAyEA…",
		set: func(c *Config, v string) string { c.HighLevel.WebhookPublicKeys = list(v); return "" }, get: func(c Config) any { return strings.Join(c.HighLevel.WebhookPublicKeys, ",") }},
	{Name: "HIGHLEVEL_WEBHOOK_LEGACY", Default: "false", Help: "Also take the RSA signature that HighLevel retired in 2026.", Example: "true",
		set: func(c *Config, v string) string { return boolean(v, &c.HighLevel.WebhookLegacy) }, get: func(c Config) any { return c.HighLevel.WebhookLegacy }},
	{Name: "HIGHLEVEL_SHARED_SECRET", Help: "Shared secret of your Marketplace app (Advanced settings → Auth): lets people in from a custom page inside HighLevel.", Example: "…", Secret: true,
		set: func(c *Config, v string) string { c.HighLevel.SharedSecret = Secret(v); return atLeast(v, 8) }, get: func(c Config) any { return c.HighLevel.SharedSecret }},
	{Name: "HIGHLEVEL_FRAME_HOSTS", Default: "https://app.gohighlevel.com,https://*.gohighlevel.com,https://*.leadconnectorhq.com", Help: "Who may show Crosswalk in a frame, once there is a shared secret; add your white-label domain.", Example: "https://app.gohighlevel.com,https://crm.your-agency.com",
		set: func(c *Config, v string) string {
			c.HighLevel.FrameHosts = list(v)
			return frameHosts(c.HighLevel.FrameHosts)
		}, get: func(c Config) any { return strings.Join(c.HighLevel.FrameHosts, ",") }},
	{Name: "GLEAP_BASE_URL", Default: "https://api.gleap.io/v3", Help: "Gleap's API, as the connect form proposes it.", Example: "https://api.us.gleap.ai/v3",
		set: func(c *Config, v string) string { c.Gleap.BaseURL = strings.TrimRight(v, "/"); return webURL(v) }, get: func(c Config) any { return c.Gleap.BaseURL }},
	{Name: "GLEAP_AUTHORIZE_URL", Help: "Consent page of an OAuth server for Gleap, as the connect form proposes it.", Example: "https://…/oauth/authorize",
		set: func(c *Config, v string) string { c.Gleap.AuthorizeURL = v; return webURL(v) }, get: func(c Config) any { return c.Gleap.AuthorizeURL }},
	{Name: "GLEAP_TOKEN_URL", Help: "Token address of that server.", Example: "https://…/oauth/token",
		set: func(c *Config, v string) string { c.Gleap.TokenURL = v; return webURL(v) }, get: func(c Config) any { return c.Gleap.TokenURL }},
	{Name: "GLEAP_CLIENT_ID", Help: "Client ID there.", Example: "crosswalk",
		set: func(c *Config, v string) string { c.Gleap.ClientID = v; return "" }, get: func(c Config) any { return c.Gleap.ClientID }},
	{Name: "GLEAP_CLIENT_SECRET", Help: "Client secret there.", Example: "…", Secret: true,
		set: func(c *Config, v string) string { c.Gleap.ClientSecret = Secret(v); return "" }, get: func(c Config) any { return c.Gleap.ClientSecret }},
}

var frameHost = regexp.MustCompile(`^https?://(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`)

// frameHosts refuses what would mean something else inside a content security policy.
func frameHosts(hosts []string) string {
	for _, h := range hosts {
		if !frameHost.MatchString(h) {
			return "“" + h + "” is not like https://app.example.com or https://*.example.com"
		}
	}
	return ""
}

// networks are ranges of addresses; a single address is a range of its own.
func networks(v string, into *[]netip.Prefix) string {
	*into = nil
	for _, one := range list(v) {
		p, err := netip.ParsePrefix(one)
		if a, lone := netip.ParseAddr(one); lone == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return "holds “" + one + "”, which is not like 172.18.0.0/16"
		}
		*into = append(*into, p.Masked())
	}
	return ""
}

func networkList(all []netip.Prefix) string {
	var out []string
	for _, p := range all {
		out = append(out, p.String())
	}
	return strings.Join(out, ",")
}

// Overrides are settings given as flags, which win over the environment. Empty: not given.
type Overrides struct {
	Addr, Data string
	Demo       bool
}

// Problems is everything wrong with the environment, told at once.
type Problems []string

func (p Problems) Error() string {
	return "the settings cannot be used:\n  - " + strings.Join(p, "\n  - ")
}

// Load reads the settings. env is in the form of os.Environ. The error is Problems.
func Load(env []string, over Overrides) (Config, error) {
	given := map[string]string{}
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, Prefix) {
			given[strings.TrimPrefix(k, Prefix)] = v
		}
	}
	var c Config
	var bad Problems
	for _, o := range options {
		v, problem := value(o, given)
		if problem != "" {
			bad = append(bad, problem)
			continue
		}
		if o.Name == "ADDR" && over.Addr != "" {
			v = over.Addr
		}
		if o.Name == "DATA" && over.Data != "" {
			v = over.Data
		}
		if v == "" {
			continue
		}
		if wrong := o.set(&c, v); wrong != "" {
			shown := strconv.Quote(v)
			if o.Secret || strings.Contains(v, "@") { // an address may carry a password
				shown = "its value"
			}
			bad = append(bad, fmt.Sprintf("%s%s: %s %s. Example: %s", Prefix, o.Name, shown, wrong, o.Example))
		}
	}
	bad = append(bad, unknown(given)...)
	c.Demo = over.Demo
	if c.PublicURL == "" {
		if wrong := publicURL("http://"+reachable(c.Addr), &c.PublicURL); wrong != "" && address(c.Addr) == "" {
			bad = append(bad, fmt.Sprintf("%sPUBLIC_URL is not set, and http://%s, which follows from %sADDR, %s. Example: %s", Prefix, c.Addr, Prefix, wrong, "https://crosswalk.example.com"))
		}
	}
	for _, pair := range [][3]string{
		{"HIGHLEVEL", c.HighLevel.ClientID, c.HighLevel.ClientSecret.Reveal()}, {"GLEAP", c.Gleap.ClientID, c.Gleap.ClientSecret.Reveal()},
	} {
		if (pair[1] == "") != (pair[2] == "") {
			bad = append(bad, fmt.Sprintf("%s%s_CLIENT_ID and %s%s_CLIENT_SECRET belong together: set both or neither", Prefix, pair[0], Prefix, pair[0]))
		}
	}
	if (c.Gleap.AuthorizeURL == "") != (c.Gleap.TokenURL == "") {
		bad = append(bad, fmt.Sprintf("%sGLEAP_AUTHORIZE_URL and %sGLEAP_TOKEN_URL belong together: set both or neither", Prefix, Prefix))
	}
	if len(bad) > 0 {
		return Config{}, bad
	}
	return c, nil
}

// value is what was given for an option, itself or in a file, or its default.
func value(o Option, given map[string]string) (v, problem string) {
	v, ok := given[o.Name]
	if !o.Secret {
		if !ok || v == "" {
			return o.Default, ""
		}
		return v, ""
	}
	file := given[o.Name+"_FILE"]
	switch {
	case file == "":
		return v, ""
	case v != "":
		return "", fmt.Sprintf("%s%s and %s%s_FILE are both set: keep one", Prefix, o.Name, Prefix, o.Name)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Sprintf("%s%s_FILE: %v", Prefix, o.Name, err)
	}
	v = strings.TrimRight(string(b), "\r\n")
	if v == "" {
		return "", fmt.Sprintf("%s%s_FILE: %s is empty", Prefix, o.Name, file)
	}
	return v, ""
}

// unknown finds variables nobody reads, which are nearly always typing mistakes.
func unknown(given map[string]string) Problems {
	var out Problems
	for name, v := range given {
		if strings.HasPrefix(name, "TEST_") || name == "SPECS" { // of the test suite
			continue
		}
		if ofKubernetes(name, v) {
			continue
		}
		best, distance := "", 4
		known := false
		for _, o := range options {
			if name == o.Name || o.Secret && name == o.Name+"_FILE" {
				known = true
				break
			}
			if d := edits(name, o.Name); d < distance {
				best, distance = o.Name, d
			}
		}
		if known {
			continue
		}
		words := fmt.Sprintf("%s%s is not a setting", Prefix, name)
		if best != "" {
			words += fmt.Sprintf("; did you mean %s%s?", Prefix, best)
		}
		out = append(out, words)
	}
	slices.Sort(out)
	return out
}

// ofKubernetes finds what a cluster sets in every pod when a Service is called "crosswalk". PORT=8080 is a person's
// mistake; PORT=tcp://10.0.0.1:8080 is the cluster's.
func ofKubernetes(name, v string) bool {
	if strings.HasPrefix(name, "SERVICE_") {
		return name == "SERVICE_HOST" || strings.HasPrefix(name, "SERVICE_PORT")
	}
	return strings.HasPrefix(name, "PORT_") || name == "PORT" && strings.Contains(v, "://")
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			last, row[j] = row[j], min(row[j]+1, row[j-1]+1, last+cost)
		}
	}
	return row[len(b)]
}

// APIAddresses are the provider addresses set here, of which none was typed into a page.
func (c Config) APIAddresses() []string {
	return []string{c.HighLevel.BaseURL, c.HighLevel.AuthorizeURL, c.Gleap.BaseURL, c.Gleap.AuthorizeURL, c.Gleap.TokenURL}
}

// Summary is the settings as a log line at start; secrets say only whether they are set.
func (c Config) Summary() []slog.Attr {
	out := make([]slog.Attr, 0, len(options))
	for _, o := range options {
		v := o.get(c)
		if s, ok := v.(Secret); ok {
			v = "not set"
			if s != "" {
				v = "set"
			}
		}
		if v != "" {
			out = append(out, slog.Any(strings.ToLower(o.Name), v))
		}
	}
	return out
}

// Markdown is the table of settings for the README.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning |\n|---|---|---|\n")
	for _, o := range options {
		def := "–"
		if o.Default != "" {
			def = "`" + o.Default + "`"
		}
		name := "`" + Prefix + o.Name + "`"
		if o.Secret {
			name += " or `…_FILE`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, def, o.Help)
	}
	return b.String()
}

func address(v string) string {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return "is not HOST:PORT"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "has no port from 0 to 65535"
	}
	return ""
}

func postgres(v string) string {
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "is not a postgres:// address"
	}
	return ""
}

func webURL(v string) string {
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil {
		return "is not a web address"
	}
	return ""
}

// publicURL keeps the address as browsers spell an origin, so that it can be compared with one.
func publicURL(v string, into *string) string {
	if wrong := webURL(v); wrong != "" {
		return wrong
	}
	u, err := url.Parse(v)
	if err != nil || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(v, "?#") {
		return "must be an address without a path"
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return "must begin with https:// unless it is this machine: people sign in there"
	}
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	*into = u.Scheme + "://" + host
	return ""
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}

// reachable is an address a browser on this machine can open.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func atLeast(v string, n int) string {
	if len(v) < n {
		return fmt.Sprintf("is shorter than %d characters", n)
	}
	return ""
}

func whole(v string, least, most int, into *int) string {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return fmt.Sprintf("is not a whole number from %d to %d", least, most)
	}
	*into = n
	return ""
}

func duration(v string, least, most time.Duration, into *time.Duration) string {
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > most {
		return fmt.Sprintf("is not a time from %s to %s", least, most)
	}
	*into = d
	return ""
}

func boolean(v string, into *bool) string {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return "is neither true nor false"
	}
	*into = b
	return ""
}

// list is what stands between commas, blanks left out.
func list(v string) []string {
	var out []string
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func oneOf(v string, words ...string) string {
	if !slices.Contains(words, v) {
		return "is none of " + strings.Join(words, ", ")
	}
	return ""
}
