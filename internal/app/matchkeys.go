package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
)

func keysCommand(ctx context.Context, c *call) error {
	var do keyOrders
	c.flags.StringVar(&do.add, "add", "", "recognise records by one more pair of fields, as in userId=custom.abc")
	c.flags.StringVar(&do.remove, "remove", "", "recognise records by this pair no more")
	c.flags.StringVar(&do.first, "first", "", "look for this pair before all others")
	fields := c.flags.Bool("fields", false, "which fields of each side may be used")
	h, a, _, err := c.onAutomation(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	if *fields {
		return h.showKeyFields(ctx, c, a)
	}
	if do != (keyOrders{}) {
		saved, err := h.changeKeys(ctx, a, do)
		if err != nil {
			return err
		}
		c.saySaved(a, saved, false)
		a = saved
	}
	fmt.Fprintf(c.Out, "    recognised by: %s\n", a.Edited().Definition.KeyWords())
	return nil
}

// keyOrders are pairs of fields, each as SOURCE=TARGET.
type keyOrders struct{ add, remove, first string }

// changeKeys saves other match keys, or nothing where they are these already. What would make doubles is refused.
func (h *house) changeKeys(ctx context.Context, a automation.Automation, do keyOrders) (automation.Automation, error) {
	stored := a
	a = a.Edited()
	now, err := h.definitions.Try(ctx, a)
	if err != nil {
		return a, unasked(err)
	}
	d, note := a.Definition, []string{}
	if do.add != "" {
		source, target, err := fieldPair("add", do.add)
		if err != nil {
			return a, err
		}
		there, _ := now.Target.Field(target)
		d = d.AddKey(automation.MatchKey{Source: source, Target: target, Kind: there.Kind})
		note = append(note, "recognise by "+source+" as "+target)
	}
	if do.remove != "" {
		source, target, err := fieldPair("remove", do.remove)
		if err != nil {
			return a, err
		}
		if d.KeyAt(source, target) < 0 {
			return a, fmt.Errorf("--remove: it is not recognised by %s as it is", do.remove)
		}
		d = d.RemoveKey(source, target)
		note = append(note, "no longer recognise by "+source+" as "+target)
	}
	if do.first != "" {
		source, target, err := fieldPair("first", do.first)
		if err != nil {
			return a, err
		}
		at := d.KeyAt(source, target)
		if at < 0 {
			return a, fmt.Errorf("--first: it is not recognised by %s as it is; --add it", do.first)
		}
		d = d.MoveKey(source, target, -at)
		note = append(note, "recognise by "+source+" as "+target+" first")
	}
	if len(automation.Diff(a.Definition, d)) == 0 {
		return stored, nil
	}
	tried := a
	tried.Definition = d
	then, err := h.definitions.Try(ctx, tried)
	if err != nil {
		return a, err
	}
	if p, ok := then.NewKeyProblem(now); ok {
		return a, errors.New(strings.TrimSpace(p.Message + " " + p.Suggestion))
	}
	return h.saveEdit(ctx, a, d, strings.Join(note, ", "))
}

// fieldPair reads SOURCE=TARGET.
func fieldPair(flag, given string) (source, target string, err error) {
	source, target, ok := strings.Cut(given, "=")
	if source, target = strings.TrimSpace(source), strings.TrimSpace(target); !ok || source == "" || target == "" {
		return "", "", fmt.Errorf("--%s takes a field of each side, as in userId=custom.abc, not %q; --fields lists them", flag, given)
	}
	return source, target, nil
}

func (h *house) showKeyFields(ctx context.Context, c *call, a automation.Automation) error {
	now, err := h.definitions.Try(ctx, a)
	if err != nil {
		return unasked(err)
	}
	fmt.Fprintf(c.Out, "%s (source):\n", now.Source.Label)
	for _, f := range engine.KeyFields(now.Source) {
		fmt.Fprintf(c.Out, "    %s  %s\n", f.Key, f.Label)
	}
	fmt.Fprintf(c.Out, "%s (target):\n", now.Target.Label)
	for _, f := range now.LookedUpBy() {
		late := ""
		if now.TargetObject.Lookup(f) == provider.Likely {
			late = "  (looked up some seconds late: keep a key that is not)"
		}
		fmt.Fprintf(c.Out, "    %s  %s%s\n", f.Key, f.Label, late)
	}
	return nil
}
