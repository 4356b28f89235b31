package mapping

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"crosswalk/internal/record"
)

// Groups order the palette.
const (
	groupText   = "Text"
	groupNames  = "Names"
	groupPhone  = "Phone and dates"
	groupNumber = "Numbers"
	groupChoose = "Choose"
	groupSet    = "Labels"
)

func txt(s string) record.Value { return record.TextOf(s) }
func vals(s ...string) []record.Value {
	out := make([]record.Value, len(s))
	for i, e := range s {
		out[i] = record.TextOf(e)
	}
	return out
}
func with(kv ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return m
}

// transforms is the explicit table of all transforms.
func transforms() []Transform {
	return []Transform{
		{
			Use: "text_case", Label: "Text case", Summary: "Writes the text in lower, upper, title or sentence case.", Group: groupText,
			Params: []Param{{Name: "to", Label: "Write in", Kind: ParamChoice, Default: "lower", Required: true, Options: []Option{
				{"lower", "lower case"}, {"upper", "UPPER CASE"}, {"title", "Title Case"}, {"sentence", "Sentence case"}}}},
			Examples: []Example{
				{In: vals("Jane@Acme.IO"), With: with("to", "lower"), Out: txt("jane@acme.io")},
				{In: vals("straße"), With: with("to", "upper"), Out: txt("STRASSE")},
				{In: vals("jane van DOE"), With: with("to", "title"), Out: txt("Jane Van Doe")},
				{In: vals("HELLO there"), With: with("to", "sentence"), Out: txt("Hello there")},
				{In: vals(""), Out: record.Value{}},
			},
			build: func(a args) (apply, *ParamError) { return text(caseOf(a.get("to"))), nil },
			chip: func(a args) string {
				return map[string]string{"lower": "lower case", "upper": "UPPER CASE", "title": "Title Case", "sentence": "Sentence case"}[a.get("to")]
			},
		},
		{
			Use: "trim", Label: "Trim", Summary: "Takes space away at both ends, and doubled space within.", Group: groupText,
			Examples: []Example{{In: vals("  Jane   Doe \n"), Out: txt("Jane Doe")}, {In: vals("   "), Out: record.Value{}}},
			build: func(args) (apply, *ParamError) {
				return text(func(s string) string { return strings.Join(strings.Fields(s), " ") }), nil
			},
		},
		{
			Use: "replace", Label: "Find and replace", Summary: "Replaces every occurrence of a text by another.", Group: groupText,
			Params: []Param{{Name: "find", Label: "Find", Kind: ParamText, Required: true}, {Name: "by", Label: "Replace by", Kind: ParamText}},
			Examples: []Example{
				{In: vals("pro_annual"), With: with("find", "_", "by", " "), Out: txt("pro annual")},
				{In: vals("(test)"), With: with("find", "(test)"), Out: record.Value{}},
			},
			build: func(a args) (apply, *ParamError) {
				find, by := a.get("find"), a.get("by")
				grow := max(len(by)-len(find), 0)
				replace := text(func(s string) string { return strings.ReplaceAll(s, find, by) })
				return one(func(v record.Value) (record.Value, *ValueError) {
					if s := v.String(); grow > 0 && len(s)+strings.Count(s, find)*grow > record.MaxText {
						return refuse("too_long", "Replacing makes the text too long.")
					}
					return replace([]record.Value{v})
				}), nil
			},
			chip: func(a args) string { return "“" + a.get("find") + "” → “" + a.get("by") + "”" },
		},
		{
			Use: "surround", Label: "Add before or after", Summary: "Puts a text before and after; an empty value stays empty.", Group: groupText,
			Params:   []Param{{Name: "before", Label: "Before", Kind: ParamText}, {Name: "after", Label: "After", Kind: ParamText}},
			Examples: []Example{{In: vals("4711"), With: with("before", "gleap-"), Out: txt("gleap-4711")}, {In: vals(""), With: with("before", "x"), Out: record.Value{}}},
			build: func(a args) (apply, *ParamError) {
				before, after := a.get("before"), a.get("after")
				return text(func(s string) string { return before + s + after }), nil
			},
		},
		{
			Use: "shorten", Label: "Shorten", Summary: "Cuts the text after a number of characters.", Group: groupText,
			Params:   []Param{{Name: "to", Label: "Characters", Kind: ParamNumber, Default: "100", Required: true}},
			Examples: []Example{{In: vals("Grüße"), With: with("to", "3"), Out: txt("Grü")}, {In: vals("ok"), With: with("to", "3"), Out: txt("ok")}},
			build: func(a args) (apply, *ParamError) {
				n, err := whole(a, "to", 1, record.MaxText)
				return text(func(s string) string { return firstRunes(s, n) }), err
			},
			chip: func(a args) string { return "first " + a.get("to") },
		},
		{
			Use: "split_name", Label: "Split name", Summary: "Takes the first or the last name out of a full name.", Group: groupNames,
			Params: []Param{{Name: "part", Label: "Take", Kind: ParamChoice, Default: "first", Required: true, Options: []Option{{"first", "the first name"}, {"last", "the last name"}}}},
			Examples: []Example{
				{In: vals("Jane Doe"), With: with("part", "first"), Out: txt("Jane")},
				{In: vals("Jane Doe"), With: with("part", "last"), Out: txt("Doe")},
				{In: vals("Ludwig van Beethoven"), With: with("part", "last"), Out: txt("van Beethoven")},
				{In: vals("Mary Ann Smith"), With: with("part", "first"), Out: txt("Mary Ann")},
				{In: vals("Doe, Jane"), With: with("part", "first"), Out: txt("Jane")},
				{In: vals("Doe, Jane"), With: with("part", "last"), Out: txt("Doe")},
				{In: vals("Martin Luther King Jr."), With: with("part", "last"), Out: txt("King Jr.")},
				{In: vals("Madonna"), With: with("part", "first"), Out: txt("Madonna")},
				{In: vals("Madonna"), With: with("part", "last"), Out: record.Value{}},
			},
			build: func(a args) (apply, *ParamError) {
				last := a.get("part") == "last"
				return one(func(v record.Value) (record.Value, *ValueError) {
					first, family := SplitName(v.String())
					if last {
						return record.TextOf(family), nil
					}
					return record.TextOf(first), nil
				}), nil
			},
			chip: func(a args) string { return "split name, " + a.get("part") },
		},
		{
			Use: "join", Label: "Join", Summary: "Puts several fields together, leaving empty ones out.", Group: groupNames, Several: true,
			Params: []Param{{Name: "separator", Label: "Between them", Kind: ParamText, Default: " "}},
			Examples: []Example{
				{In: vals("Jane", "Doe"), Out: txt("Jane Doe")},
				{In: vals("Jane", ""), Out: txt("Jane")},
				{In: vals("Berlin", "Germany"), With: with("separator", ", "), Out: txt("Berlin, Germany")},
			},
			build: func(a args) (apply, *ParamError) {
				sep := a.get("separator")
				return func(in []record.Value) (record.Value, *ValueError) {
					var parts []string
					for _, v := range in {
						if s := strings.TrimSpace(v.String()); s != "" {
							parts = append(parts, s)
						}
					}
					return record.TextOf(strings.Join(parts, sep)), nil
				}, nil
			},
		},
		{
			Use: "split", Label: "Split", Summary: "Takes one part of a text that is separated by a sign.", Group: groupText,
			Params: []Param{{Name: "separator", Label: "Separated by", Kind: ParamText, Default: ",", Required: true}, {Name: "part", Label: "Part number", Kind: ParamNumber, Default: "1", Required: true}},
			Examples: []Example{
				{In: vals("Berlin, Germany"), With: with("part", "2"), Out: txt("Germany")},
				{In: vals("Berlin"), With: with("part", "2"), Out: record.Value{}},
			},
			build: func(a args) (apply, *ParamError) {
				n, err := whole(a, "part", 1, 1000)
				sep := a.get("separator")
				return text(func(s string) string {
					parts := strings.Split(s, sep)
					if n > len(parts) {
						return ""
					}
					return strings.TrimSpace(parts[n-1])
				}), err
			},
			chip: func(a args) string { return "part " + a.get("part") },
		},
		{
			Use: "phone", Label: "Phone", Summary: "Writes a phone number the international way, with an assumed country for national ones.", Group: groupPhone,
			Params: []Param{
				{Name: "region", Label: "Country of numbers without one", Kind: ParamChoice, Options: regions()},
				{Name: "otherwise", Label: "If it is no phone number", Kind: ParamChoice, Default: "error", Options: []Option{{"error", "report it"}, {"empty", "leave it empty"}}},
			},
			Examples: []Example{
				{In: vals("(555) 010-2233"), With: with("region", "US"), Out: txt("+15550102233")},
				{In: vals("+49 30 901820"), With: with("region", "US"), Out: txt("+4930901820")},
				{In: vals("030 901820"), With: with("region", "DE"), Out: txt("+4930901820")},
				{In: vals("call me"), With: with("region", "US"), Err: "not_a_phone"},
				{In: vals("call me"), With: with("region", "US", "otherwise", "empty"), Out: record.Value{}},
				{In: vals(""), With: with("region", "US"), Out: record.Value{}},
			},
			build: func(a args) (apply, *ParamError) {
				region, quiet := a.get("region"), a.get("otherwise") == "empty"
				if region == "" {
					region = a.locale.Region
				}
				return one(func(v record.Value) (record.Value, *ValueError) {
					if e164, ok := record.E164(v.String(), region); ok {
						return record.TextOf(e164), nil
					}
					if quiet {
						return record.Value{}, nil
					}
					return refuse("not_a_phone", "“%s” is not a phone number%s.", shorten(v.String()), inRegion(region))
				}), nil
			},
			chip: func(a args) string {
				if r := a.get("region"); r != "" {
					return "phone, " + r
				}
				return "phone"
			},
		},
		{
			Use: "date", Label: "Date", Summary: "Reads a date in a given order and writes it as a calendar day.", Group: groupPhone,
			Params: []Param{{Name: "order", Label: "Written as", Kind: ParamChoice, Default: "auto", Options: []Option{
				{"auto", "year first, or month first"}, {"dmy", "day first (31.12.2026)"}, {"mdy", "month first (12/31/2026)"}}}},
			Examples: []Example{
				{In: vals("2026-11-23T10:00:00Z"), Out: txt("2026-11-23")},
				{In: vals("31.12.2026"), With: with("order", "dmy"), Out: txt("2026-12-31")},
				{In: vals("12/31/2026"), With: with("order", "mdy"), Out: txt("2026-12-31")},
				{In: vals("someday"), Err: "not_a_date"},
			},
			build: func(a args) (apply, *ParamError) {
				order, loc := a.get("order"), a.locale
				return one(func(v record.Value) (record.Value, *ValueError) {
					if order == "dmy" {
						if s, ok := v.AsText(); ok {
							if t, err := time.Parse("2-1-2006", strings.NewReplacer("/", "-", ".", "-", "_", "-").Replace(strings.TrimSpace(s))); err == nil {
								return record.TextOf(t.Format(time.DateOnly)), nil
							}
						}
					}
					out, err := record.Coerce(v, record.FieldSpec{Label: "a date", Kind: record.Date}, loc)
					if err != nil {
						return refuse("not_a_date", "“%s” is not a date.", shorten(v.String()))
					}
					return out, nil
				}), nil
			},
		},
		{
			Use: "number", Label: "Number", Summary: "Reads a number out of a text such as “$1,234.50”.", Group: groupNumber,
			Params: []Param{{Name: "decimal", Label: "Decimal sign", Kind: ParamChoice, Default: ".", Options: []Option{{".", "point (1,234.5)"}, {",", "comma (1.234,5)"}}}},
			Examples: []Example{
				{In: vals("$1,234.50"), Out: record.NumberOf(1234.5)},
				{In: vals("1.234,50 €"), With: with("decimal", ","), Out: record.NumberOf(1234.5)},
				{In: vals("-3"), Out: record.NumberOf(-3)},
				{In: vals("pro-annual"), Err: "not_a_number"},
			},
			build: func(a args) (apply, *ParamError) {
				comma := a.get("decimal") == ","
				return one(func(v record.Value) (record.Value, *ValueError) {
					if n, ok := v.AsNumber(); ok {
						return record.NumberOf(n), nil
					}
					n, ok := readNumber(v.String(), comma)
					if !ok {
						return refuse("not_a_number", "“%s” is not a number.", shorten(v.String()))
					}
					return record.NumberOf(n), nil
				}), nil
			},
		},
		{
			Use: "round", Label: "Round", Summary: "Rounds a number.", Group: groupNumber,
			Params:   []Param{{Name: "digits", Label: "Digits after the point", Kind: ParamNumber, Default: "0", Required: true}},
			Examples: []Example{{In: []record.Value{record.NumberOf(2.345)}, With: with("digits", "1"), Out: record.NumberOf(2.3)}, {In: vals("x"), Err: "not_a_number"}},
			build: func(a args) (apply, *ParamError) {
				n, err := whole(a, "digits", 0, 9)
				scale := math.Pow10(n)
				return one(func(v record.Value) (record.Value, *ValueError) {
					f, ok := v.AsNumber()
					if !ok {
						if f, ok = readNumber(v.String(), false); !ok {
							return refuse("not_a_number", "“%s” is not a number.", shorten(v.String()))
						}
					}
					if r := math.Round(f*scale) / scale; !math.IsInf(r, 0) {
						f = r // else it is too large to have digits after the point
					}
					return record.NumberOf(f), nil
				}), err
			},
		},
		{
			Use: "default", Label: "Default", Summary: "Fills in a value where there is none.", Group: groupChoose,
			Params:   []Param{{Name: "value", Label: "Value when empty", Kind: ParamText, Required: true}},
			Examples: []Example{{In: vals(""), With: with("value", "unknown"), Out: txt("unknown")}, {In: vals("pro"), With: with("value", "unknown"), Out: txt("pro")}},
			build: func(a args) (apply, *ParamError) {
				fill := record.TextOf(a.get("value"))
				return func(in []record.Value) (record.Value, *ValueError) {
					if len(in) == 0 || in[0].IsEmpty() || strings.TrimSpace(in[0].String()) == "" {
						return fill, nil
					}
					return in[0], nil
				}, nil
			},
			chip: func(a args) string { return "or “" + a.get("value") + "”" },
		},
		{
			Use: "fixed", Label: "Fixed value", Summary: "Always the same value, whatever the source says.", Group: groupChoose,
			Params:   []Param{{Name: "value", Label: "Value", Kind: ParamText, Required: true}},
			Examples: []Example{{In: vals("anything"), With: with("value", "Gleap"), Out: txt("Gleap")}, {With: with("value", "Gleap"), Out: txt("Gleap")}},
			build: func(a args) (apply, *ParamError) {
				v := record.TextOf(a.get("value"))
				return func([]record.Value) (record.Value, *ValueError) { return v, nil }, nil
			},
			chip: func(a args) string { return "always “" + a.get("value") + "”" },
		},
		{
			Use: "first_filled", Label: "First one filled", Summary: "Takes the first of several fields that has a value.", Group: groupChoose, Several: true,
			Examples: []Example{{In: vals("", "+1555", "x"), Out: txt("+1555")}, {In: vals("", ""), Out: record.Value{}}},
			build: func(args) (apply, *ParamError) {
				return func(in []record.Value) (record.Value, *ValueError) {
					for _, v := range in {
						if strings.TrimSpace(v.String()) != "" {
							return v, nil
						}
					}
					return record.Value{}, nil
				}, nil
			},
		},
		{
			Use: "lookup", Label: "Look-up table", Summary: "Translates one value into another, line by line.", Group: groupChoose,
			Params: []Param{
				{Name: "table", Label: "Table", Kind: ParamTable, Required: true, Help: "One pair a line: from = to. Case does not matter."},
				{Name: "otherwise", Label: "If it is not in the table", Kind: ParamChoice, Default: "keep", Options: []Option{{"keep", "keep the value"}, {"empty", "leave it empty"}, {"error", "report it"}, {"value", "use another value"}}},
				{Name: "value", Label: "The other value", Kind: ParamText},
			},
			Examples: []Example{
				{In: vals("Pro-Annual"), With: with("table", "pro-annual = Customer\nfree = Lead"), Out: txt("Customer")},
				{In: vals("trial"), With: with("table", "free = Lead"), Out: txt("trial")},
				{In: vals("trial"), With: with("table", "free = Lead", "otherwise", "empty"), Out: record.Value{}},
				{In: vals("trial"), With: with("table", "free = Lead", "otherwise", "value", "value", "Other"), Out: txt("Other")},
				{In: vals("trial"), With: with("table", "free = Lead", "otherwise", "error"), Err: "not_in_table"},
			},
			build: buildLookup,
			chip: func(a args) string {
				return "look-up, " + strconv.Itoa(strings.Count(strings.TrimSpace(a.get("table")), "\n")+1)
			},
		},
		{
			Use: "yes_no", Label: "Yes or no", Summary: "Writes yes and no as you like.", Group: groupChoose,
			Params:   []Param{{Name: "yes", Label: "Yes is", Kind: ParamText, Default: "yes", Required: true}, {Name: "no", Label: "No is", Kind: ParamText, Default: "no"}},
			Examples: []Example{{In: []record.Value{record.BoolOf(true)}, With: with("yes", "active"), Out: txt("active")}, {In: vals("false"), With: with("no", "inactive"), Out: txt("inactive")}, {In: vals("maybe"), Err: "not_yes_no"}},
			build: func(a args) (apply, *ParamError) {
				yes, no, loc := record.TextOf(a.get("yes")), record.TextOf(a.get("no")), a.locale
				return one(func(v record.Value) (record.Value, *ValueError) {
					b, err := record.Coerce(v, record.FieldSpec{Kind: record.Bool}, loc)
					if err != nil {
						return refuse("not_yes_no", "“%s” is neither yes nor no.", shorten(v.String()))
					}
					if is, _ := b.AsBool(); is {
						return yes, nil
					}
					return no, nil
				}), nil
			},
		},
		{
			Use: "to_labels", Label: "To labels", Summary: "Makes labels of a text separated by a sign, or of several fields.", Group: groupSet, Several: true,
			Params: []Param{{Name: "separator", Label: "Separated by", Kind: ParamText, Default: ","}, {Name: "prefix", Label: "Put before each", Kind: ParamText}},
			Examples: []Example{
				{In: vals("beta, vip"), Out: record.ListOf([]string{"beta", "vip"})},
				{In: vals("pro"), With: with("prefix", "plan: "), Out: record.ListOf([]string{"plan: pro"})},
				{In: vals("a", "b,a"), Out: record.ListOf([]string{"a", "b"})},
			},
			build: func(a args) (apply, *ParamError) {
				sep, prefix := a.get("separator"), a.get("prefix")
				return func(in []record.Value) (record.Value, *ValueError) {
					var out []string
					seen, sum := map[string]bool{}, 0
					for _, v := range in {
						items, ok := v.AsList()
						if !ok && sep != "" {
							items = strings.Split(v.String(), sep)
						} else if !ok {
							items = []string{v.String()}
						}
						for _, e := range items {
							if e = strings.TrimSpace(e); e != "" && !seen[e] {
								seen[e] = true
								out = append(out, prefix+e)
								sum += len(prefix) + len(e)
							}
							if sum > maxBetween {
								return refuse("too_long", "this transform makes the labels too long.")
							}
						}
					}
					return record.ListOf(out), nil
				}, nil
			},
		},
	}
}

func caseOf(to string) func(string) string {
	// A Caser keeps state, so each call makes its own: programs are used from many goroutines.
	switch to {
	case "upper":
		return func(s string) string { return cases.Upper(language.Und).String(s) }
	case "title":
		return func(s string) string { return cases.Title(language.Und).String(s) }
	case "sentence":
		return func(s string) string {
			r, n := utf8.DecodeRuneInString(s)
			if n == 0 {
				return s
			}
			return string(unicode.ToUpper(r)) + strings.ToLower(s[n:])
		}
	}
	return strings.ToLower
}

func buildLookup(a args) (apply, *ParamError) {
	pairs, err := readTable(a.get("table"))
	if err != nil {
		return nil, err
	}
	otherwise, other := a.get("otherwise"), record.TextOf(a.get("value"))
	if otherwise == "value" && other.IsEmpty() {
		return nil, &ParamError{"value", "Say which value to use."}
	}
	find := func(s string) (string, bool) {
		to, ok := pairs[strings.ToLower(strings.TrimSpace(s))]
		return to, ok
	}
	return one(func(v record.Value) (record.Value, *ValueError) {
		if items, ok := v.AsList(); ok {
			var out []string
			for _, e := range items {
				to, ok := find(e)
				switch {
				case ok:
					out = append(out, to)
				case otherwise == "keep":
					out = append(out, e)
				case otherwise == "value":
					out = append(out, other.String())
				case otherwise == "error":
					return refuse("not_in_table", "“%s” is not in the look-up table.", shorten(e))
				}
			}
			return record.ListOf(out), nil
		}
		if to, ok := find(v.String()); ok {
			return record.TextOf(to), nil
		}
		switch otherwise {
		case "empty":
			return record.Value{}, nil
		case "error":
			return refuse("not_in_table", "“%s” is not in the look-up table.", shorten(v.String()))
		case "value":
			return other, nil
		}
		return v, nil
	}), nil
}

// readTable reads "from = to" lines; keys are folded.
func readTable(s string) (map[string]string, *ParamError) {
	pairs := map[string]string{}
	n := 0
	for line := range strings.Lines(s) {
		n++
		if n > MaxTableLines {
			return nil, &ParamError{"table", "A table may have up to " + strconv.Itoa(MaxTableLines) + " lines."}
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		from, to, ok := strings.Cut(line, "=")
		if !ok {
			return nil, &ParamError{"table", "Line " + strconv.Itoa(n) + " has no “=”: write from = to."}
		}
		key := strings.ToLower(strings.TrimSpace(from))
		if key == "" {
			return nil, &ParamError{"table", "Line " + strconv.Itoa(n) + " has nothing before its “=”."}
		}
		if _, twice := pairs[key]; twice {
			return nil, &ParamError{"table", "Line " + strconv.Itoa(n) + " translates “" + strings.TrimSpace(from) + "” a second time."}
		}
		pairs[key] = strings.TrimSpace(to)
	}
	if len(pairs) == 0 {
		return nil, &ParamError{"table", "The table has no line yet."}
	}
	return pairs, nil
}

func whole(a args, name string, least, most int) (int, *ParamError) {
	n, err := strconv.Atoi(strings.TrimSpace(a.get(name)))
	if err != nil || n < least || n > most {
		return least, &ParamError{name, "Type a whole number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most) + "."}
	}
	return n, nil
}

func firstRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	i := 0
	for at := range s {
		if i == n {
			return s[:at]
		}
		i++
	}
	return s
}

func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) > 40 {
		return firstRunes(s, 39) + "…"
	}
	return s
}

// readNumber forgives currency signs, spaces and grouping by three digits; letters make it no number. “1,5” is none
// either where the decimal sign is a point: read as 15 it would be wrong, and nobody would notice.
func readNumber(s string, comma bool) (float64, bool) {
	var b strings.Builder
	const none = -1
	group, decimals := none, false // digits since a grouping sign
	for _, r := range strings.TrimSpace(s) {
		sign := r == '.' && !comma || r == ',' && comma
		grouping := !sign && (r == ',' || r == '.' || r == '\'')
		if (sign || grouping) && (decimals || group != none && group != 3) {
			return 0, false
		}
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
			if group != none {
				group++
			}
		case r == '-' && b.Len() == 0:
			b.WriteRune(r)
		case sign:
			b.WriteByte('.')
			group, decimals = none, true
		case grouping:
			group = 0
		case r == '+' && b.Len() == 0 || unicode.IsSpace(r) || unicode.Is(unicode.Sc, r):
		default:
			return 0, false
		}
	}
	if group != none && group != 3 {
		return 0, false
	}
	n, err := strconv.ParseFloat(b.String(), 64)
	return n, err == nil
}

func inRegion(region string) string {
	if region == "" {
		return ""
	}
	return " (assumed country: " + region + ")"
}

// regions offers every country a phone number can belong to.
func regions() []Option {
	all := make([]string, 0, 260)
	for r := range phonenumbers.GetSupportedRegions() {
		all = append(all, r)
	}
	slices.Sort(all)
	out := make([]Option, 0, len(all)+1)
	out = append(out, Option{"", "none"})
	for _, r := range all {
		out = append(out, Option{r, r})
	}
	return out
}

// particles belong to the family name that follows them.
var particles = []string{"van", "von", "der", "den", "de", "del", "della", "di", "da", "dos", "du", "la", "le", "ten", "ter", "zu", "zum", "zur", "bin", "ibn", "al", "el", "st.", "mac"}

var suffixes = []string{"jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "phd", "ph.d.", "md", "m.d."}

// SplitName takes a full name apart. A one-word name is a first name; "Doe, Jane" is read the other way round;
// particles and suffixes stay with the family name.
func SplitName(full string) (first, last string) {
	var room [8]string // of most names, so that none is allocated
	words := slices.AppendSeq(room[:0], strings.FieldsSeq(full))
	if strings.Contains(full, ",") {
		family, given, ok := strings.Cut(strings.Join(words, " "), ", ")
		if ok && !slices.Contains(suffixes, strings.ToLower(given)) {
			return given, family
		}
	}
	if len(words) < 2 {
		return strings.Join(words, " "), ""
	}
	at := len(words) - 1
	for at > 1 && slices.Contains(suffixes, strings.ToLower(words[at])) {
		at--
	}
	for at > 1 && slices.Contains(particles, strings.ToLower(words[at-1])) {
		at--
	}
	return strings.Join(words[:at], " "), strings.Join(words[at:], " ")
}
