package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// controls are the rows of CONTROLS.md that a check can answer: threats of the STRIDE
// model, then findings of the agent review. What only a later gateway can answer
// (D-01, R-03) is none of them.
var controls = slices.Concat(
	strings.Fields("S-01 S-02 S-03 S-04 T-01 T-02 T-03 T-04 R-01 R-02 R-04 I-01 I-02 I-03 I-04 D-02 D-03 D-04 E-01 E-02 E-03 E-04"),
	strings.Fields("A4 A6"),
	gaps(5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24),
)

func gaps(numbers ...int) []string {
	var out []string
	for _, n := range numbers {
		out = append(out, fmt.Sprintf("gap %d", n))
	}
	return out
}

// Controls are the rows that have a check, in order.
func Controls() []string {
	return slices.DeleteFunc(slices.Clone(controls), func(id string) bool {
		return !slices.ContainsFunc(catalogue, func(c Check) bool { return slices.Contains(c.Controls, id) })
	})
}

// Source names the document that a control comes from, and the place in it.
func Source(control string) string {
	if strings.HasPrefix(control, "gap ") || strings.HasPrefix(control, "A") {
		return "agent security review of 2026-02-19, " + control
	}
	return "STRIDE threat model QCSD-05 of 2026-02-12, " + control
}
