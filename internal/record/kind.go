package record

// Identifies reports whether a value of this kind can tell one record from another: an address, a number or a short text.
func (k Kind) Identifies() bool {
	switch k {
	case Text, Email, Phone, Number:
		return true
	}
	return false
}

// Words says in a sentence what a field of this kind holds: "Plan holds text", "Value holds numbers".
func (k Kind) Words() string {
	switch k {
	case Number:
		return "numbers"
	case Bool:
		return "yes or no"
	case Date:
		return "dates"
	case DateTime:
		return "dates with times"
	case Set:
		return "a set of labels"
	case Choice:
		return "one of several options"
	case Email:
		return "an email address"
	case Phone:
		return "a phone number"
	case URL:
		return "a web address"
	}
	return "text"
}
