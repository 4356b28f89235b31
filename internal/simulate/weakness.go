package simulate

import (
	"slices"
)

// weakness is something the engine is known to get wrong. A finding it explains is kept apart from news, so that the
// simulation goes on finding what is new. The first that fits is named, so the narrow ones come first. Whoever mends
// the engine takes the line out of weaknesses; the seeds of TestNamedSeeds then prove that it is mended.
type weakness struct {
	name string
	why  string
	hit  func(a *auditor, f Finding, k recordKey) bool
}

var weaknesses []weakness

// recognise names the known weakness behind each finding that has one.
func (a *auditor) recognise() {
	for i := range a.findings {
		f := &a.findings[i]
		for _, w := range weaknesses {
			if slices.ContainsFunc(f.about, func(k recordKey) bool { return w.hit(a, *f, k) }) {
				f.Known = w.name
				break
			}
		}
	}
}
