package gleap

import "strings"

// deepest bounds the nesting of a foreign document we are willing to follow.
const deepest = 64

// plainText reads a text that is plain or a TipTap document (reference/gleap.md §9): blocks become lines.
func plainText(raw any) string {
	var b strings.Builder
	appendText(&b, raw, 0)
	return strings.TrimSpace(b.String())
}

func appendText(b *strings.Builder, raw any, depth int) {
	if depth > deepest {
		return
	}
	switch x := raw.(type) {
	case string:
		b.WriteString(x)
	case []any:
		for _, node := range x {
			appendText(b, node, depth+1)
		}
	case map[string]any:
		kind, _ := x["type"].(string)
		switch kind {
		case "text":
			s, _ := x["text"].(string)
			b.WriteString(s)
			return
		case "hardBreak":
			b.WriteString("\n")
			return
		case "mention":
			attrs, _ := x["attrs"].(map[string]any)
			label, _ := attrs["label"].(string)
			if label != "" {
				b.WriteString("@" + label)
			}
			return
		case "listItem":
			b.WriteString("- ")
		}
		appendText(b, x["content"], depth+1)
		switch kind {
		case "paragraph", "heading", "codeBlock", "blockquote":
			if !strings.HasSuffix(b.String(), "\n") {
				b.WriteString("\n")
			}
		}
	}
}
