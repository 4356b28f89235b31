// Package overviewui holds the start page: a first-run checklist, and later
// how connections, automations and runs are doing.
package overviewui

import (
	"strconv"

	"crosswalk/web/automationui"
	"crosswalk/web/connectionui"
	"crosswalk/web/runui"
	"crosswalk/web/ui"
)

// StepState is how far a step of the checklist is.
type StepState string

// A step is done, the next to do, or later.
const (
	StepDone  StepState = "done"
	StepNext  StepState = "next"
	StepLater StepState = "later"
)

func (s StepState) word() string {
	switch s {
	case StepDone:
		return "done"
	case StepNext:
		return "next"
	}
	return "later"
}

// Step is one line of the checklist.
type Step struct {
	Title, Text, Href, Action string
	State                     StepState
}

// Overview is the start page. While Steps is not empty the checklist leads.
type Overview struct {
	Steps       []Step
	Connections []connectionui.Health
	Automations []automationui.Item
	Runs        []runui.Item
	Hours       []Hour // oldest first
}

// Hour counts one hour's runs by outcome.
type Hour struct {
	Label  string // "14:00"
	Counts map[ui.Outcome]int
}

func (h Hour) total() int {
	n := 0
	for _, c := range h.Counts {
		n += c
	}
	return n
}

func (o Overview) done() int {
	n := 0
	for _, s := range o.Steps {
		if s.State == StepDone {
			n++
		}
	}
	return n
}

// The chart's user space: each hour is a slot with a bar, stacked by outcome.
const (
	slotWidth, barWidth, chartHeight = 30, 20, 120
)

type bar struct {
	outcome             ui.Outcome
	x, y, width, height string
}

func chart(hours []Hour) []bar {
	most := 1
	for _, h := range hours {
		most = max(most, h.total())
	}
	var bars []bar
	for i, h := range hours {
		y := float64(chartHeight)
		for _, part := range []struct {
			outcome ui.Outcome
			count   int
		}{{ui.Same, h.Counts[ui.Same]}, {ui.Link, h.Counts[ui.Link]}, {ui.Update, h.Counts[ui.Update]}, {ui.Create, h.Counts[ui.Create]}, {ui.Decide, h.Counts[ui.Decide]}, {ui.Delete, h.Counts[ui.Delete]}, {ui.Blocked, h.Counts[ui.Blocked]}} {
			if part.count == 0 {
				continue
			}
			height := max(2, float64(part.count)/float64(most)*(chartHeight-8))
			y -= height
			bars = append(bars, bar{
				part.outcome, strconv.Itoa(i*slotWidth + (slotWidth-barWidth)/2), fixed(y),
				strconv.Itoa(barWidth), fixed(max(1, height-1)), // one unit of air between parts
			})
		}
	}
	return bars
}

func fixed(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

func viewBox(hours []Hour) string {
	return "0 0 " + strconv.Itoa(max(1, len(hours))*slotWidth) + " " + strconv.Itoa(chartHeight)
}
