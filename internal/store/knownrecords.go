package store

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

type knownRecordRow struct {
	Record     string `gorm:"primaryKey"`
	Connection string `gorm:"primaryKey"`
	Object     string `gorm:"primaryKey"`
	Title      string
	Details    string
	SeenAt     stamp
}

func (knownRecordRow) TableName() string { return "known_records" }

type recordWordRow struct {
	Record     string `gorm:"primaryKey"`
	Connection string `gorm:"primaryKey"`
	Object     string `gorm:"primaryKey"`
	Word       string `gorm:"primaryKey"`
}

func (recordWordRow) TableName() string { return "record_words" }

const (
	// seenAnew is how exact the time is at which a record was last dealt with: it only orders what a search finds, and
	// is not worth a write for every run.
	seenAnew = stamp(time.Hour / time.Microsecond)
	// wordsMost and wordLongest bound what is kept of one record, and asked of one search.
	wordsMost   = 24
	wordLongest = 64

	knownRecord = "SELECT title, details, seen_at FROM known_records WHERE record = ? AND connection = ? AND object = ?"
	saveKnown   = `INSERT INTO known_records (record, connection, object, title, details, seen_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (record, connection, object) DO UPDATE SET title = excluded.title, details = excluded.details, seen_at = excluded.seen_at`

	wordsOf  = " FROM record_words AS w WHERE w.record = k.record AND w.connection = k.connection AND w.object = k.object AND w.word >= ? AND w.word < ?)"
	findWord = `SELECT k.connection, k.object, k.record, k.title, k.seen_at AS at FROM known_records AS k
WHERE (k.record, k.connection, k.object) IN (SELECT record, connection, object FROM record_words WHERE word >= ? AND word < ?)`
)

// words are the normalised words of some texts: lower case, without accents, cut at whatever is neither letter nor digit.
func words(texts ...string) []string {
	var out []string
	for _, text := range texts {
		var plain strings.Builder
		for _, r := range norm.NFKD.String(text) {
			if !unicode.Is(unicode.Mn, r) {
				plain.WriteRune(unicode.ToLower(r))
			}
		}
		for _, word := range strings.FieldsFunc(plain.String(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if letters := []rune(word); len(letters) > wordLongest {
				word = string(letters[:wordLongest])
			}
			if !slices.Contains(out, word) && len(out) < wordsMost {
				out = append(out, word)
			}
		}
	}
	return out
}

// dialled are the digits of a text that is a phone number or the beginning of one.
func dialled(text string) (digits string, ok bool) {
	digits = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
	return digits, len(digits) >= 5 && strings.Trim(text, "0123456789+-()./ \u00a0") == ""
}

// phoneWords are what a phone number is found by: as it is, and without its country.
func phoneWords(phone string) []string {
	const national = 10
	digits, ok := dialled(phone)
	switch {
	case !ok:
		return nil
	case len(digits) > national:
		return []string{digits, digits[len(digits)-national:]}
	}
	return []string{digits}
}

// recordWords are what a record is found by.
func recordWords(title string, details []string) []string {
	out := words(title)
	for _, d := range details {
		if phone := phoneWords(d); phone != nil {
			out = append(out, phone...)
			continue
		}
		out = append(out, words(d)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// reached are the emails and phone numbers a run has read or written.
func reached(f engine.Finish) []string {
	var out []string
	add := func(fields []automation.FieldPlan) {
		for _, field := range fields {
			if field.Kind != record.Email && field.Kind != record.Phone {
				continue
			}
			v := field.After
			if v.IsEmpty() {
				v = field.Before
			}
			if text := clean(strings.TrimSpace(v.String())); text != "" && !slices.Contains(out, text) && len(out) < wordsMost {
				out = append(out, text)
			}
		}
	}
	for _, st := range slices.Backward(f.Run.Steps) {
		if st.Plan != nil {
			add(st.Plan.Fields)
			break
		}
	}
	if f.Change != nil {
		add(f.Change.Fields)
	}
	slices.Sort(out)
	return out
}

// know keeps what the record of a run is called and reached by. Most runs have nothing new to say, and cost one look.
func (u *unit) know(f engine.Finish) error {
	ref, title, details := f.Run.Source, clean(f.Run.Title), reached(f)
	if title == clean(ref.ID) {
		title = ""
	}
	if title == "" && f.Review != nil {
		title = clean(f.Review.Title)
	}
	if ref.IsZero() || f.Run.Event.Kind == automation.TestSend || title == "" && len(details) == 0 {
		return nil
	}
	key := []any{clean(ref.ID), string(ref.Connection), string(ref.Type)}
	var had []knownRecordRow
	if err := u.Raw(knownRecord, key...).Scan(&had).Error; err != nil {
		return err
	}
	joined := strings.Join(details, "\n")
	now := at(f.Run.StartedAt)
	if len(had) > 0 {
		if title == "" {
			title = had[0].Title
		}
		if joined == "" { // nothing moved, so nothing was read
			joined = had[0].Details
		}
		if same := had[0].Title == title && had[0].Details == joined; same && now < had[0].SeenAt+seenAnew {
			return nil
		} else if same {
			return u.Exec("UPDATE known_records SET seen_at = ? WHERE record = ? AND connection = ? AND object = ?", append([]any{int64(now)}, key...)...).Error
		}
		if err := u.Exec("DELETE FROM record_words WHERE record = ? AND connection = ? AND object = ?", key...).Error; err != nil {
			return err
		}
	}
	if err := u.Exec(saveKnown, append(key, title, joined, int64(now))...).Error; err != nil {
		return err
	}
	var rows []any
	all := recordWords(title, strings.Split(joined, "\n"))
	for _, word := range all {
		rows = append(rows, clean(ref.ID), string(ref.Connection), string(ref.Type), word)
	}
	if len(all) == 0 {
		return nil
	}
	return u.Exec("INSERT INTO record_words (record, connection, object, word) VALUES "+tuples("(?,?,?,?)", len(all))+" ON CONFLICT DO NOTHING", rows...).Error
}

// findWords finds the records that have a word beginning with each word of the search, however long ago they were dealt with.
func (s *Store) findWords(ctx context.Context, sc scope, q string, limit int) ([]seen, error) {
	asked := words(q)
	if digits, ok := dialled(q); ok {
		asked = []string{digits}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	// The longest word leads: it is the rarest. In both databases words are ordered by their bytes, so what begins with
	// one is a range of the index.
	slices.SortStableFunc(asked, func(a, b string) int { return len(b) - len(a) })
	between := func(word string) []any { return []any{word, word + "\U0010FFFF"} }
	sql, args := findWord, between(asked[0])
	for _, word := range asked[1:] {
		sql += " AND EXISTS (SELECT 1" + wordsOf
		args = append(args, between(word)...)
	}
	sql += " AND " + byConnection + "k.connection)) ORDER BY k.seen_at DESC LIMIT ?"
	var rows []seen
	err := s.read(ctx).Raw(sql, append(append(args, sc.twice()...), limit)...).Scan(&rows).Error
	return rows, err
}
