// Package rule is triggers and conditions: what makes an automation look, and the condition tree that lets a
// record through and can explain why not. It is pure; a rule never guesses: a condition on a field that no
// longer exists does not pass, and says so.
package rule
