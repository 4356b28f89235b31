package gleap

// database is everything that the state file keeps, but for who wrote what.
type database struct {
	writer     string // whose work is being done: byAPI or byPerson
	seq        uint64
	bugs       float64 // the last human ticket number
	webhookURL string

	sessions *collection // contacts: §0.1
	tickets  *collection
	messages *collection // comments and notes
	teams    *collection
	users    *collection // agents
	events   []object    // the event log of /statistics/raw-data, bounded
	tracked  []object    // events of contacts, bounded

	access  map[string]*accessToken
	refresh map[string]*refreshToken
	codes   map[string]*code // not kept: they live for minutes
}

// keptEvents bounds each of the two event logs.
const keptEvents = 5000

func newDatabase() *database {
	db := &database{
		sessions: newCollection("userId", "email", "gleapId"),
		tickets:  newCollection("session", "shareToken"),
		messages: newCollection("ticket"),
		teams:    newCollection(),
		users:    newCollection(),
		access:   map[string]*accessToken{},
		refresh:  map[string]*refreshToken{},
		codes:    map[string]*code{},
	}
	for _, c := range []*collection{db.sessions, db.tickets, db.messages} {
		c.writer = &db.writer
	}
	return db
}

// append adds to a bounded log.
func appendBounded(log []object, e object) []object {
	if len(log) >= keptEvents {
		log = append([]object(nil), log[len(log)-keptEvents/2:]...)
	}
	return append(log, e)
}
