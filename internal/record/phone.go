package record

// northAmerican reads the numbers of the one plan most of our numbers belong to without the general parser, which
// takes some 10 µs and a dozen regular expressions a number. It knows only the plain shapes, on which a test holds
// it to the parser's own answer; !ok means ask the parser.
func northAmerican(s, region string) (string, bool) {
	plus := s != "" && s[0] == '+'
	if plus {
		s = s[1:]
	} else if region != "US" && region != "CA" {
		return "", false
	}
	var out [12]byte
	out[0], out[1] = '+', '1'
	n := 2
	first, led := true, false // the country's 1 may stand before the ten digits
	for i := range len(s) {
		c := s[i]
		switch {
		case c == ' ' || c == '(' || c == ')' || c == '-' || c == '.':
			continue
		case c < '0' || c > '9' || n == len(out):
			return "", false
		case first && c == '1':
			led = true
		case n == 2 && c < '2':
			return "", false
		default:
			out[n] = c
			n++
		}
		first = false
	}
	if n < len(out) || plus && !led {
		return "", false
	}
	return string(out[:]), true
}
