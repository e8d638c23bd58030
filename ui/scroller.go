package ui

// scroller is a text that may be longer than its place.
type scroller struct {
	lines []string
	top   int
	// source makes the lines for a width; nil when they do not depend on it.
	source func(width int) []string
}

// layout makes the lines anew.
func (s *scroller) layout(width int) {
	if s.source != nil {
		s.lines = s.source(width)
	}
}

// move scrolls by n lines in a place of height lines.
func (s *scroller) move(n, height int) { s.to(s.top+n, height) }

// to brings line n to the top, as far as there are lines below it.
func (s *scroller) to(n, height int) { s.top = max(min(n, len(s.lines)-height), 0) }

// window is what shows of the text in height lines.
func (s *scroller) window(height int) []string {
	s.to(s.top, height)
	return s.lines[s.top:min(s.top+max(height, 0), len(s.lines))]
}

// below is the number of lines under the window.
func (s *scroller) below(height int) int { return max(len(s.lines)-s.top-height, 0) }

// key scrolls by the usual keys; false when the key is none of them.
func (s *scroller) key(name string, height int) bool {
	switch name {
	case "up", "k":
		s.move(-1, height)
	case "down", "j":
		s.move(1, height)
	case "pgup", "b", "ctrl+u":
		s.move(1-height, height)
	case "pgdown", " ", "ctrl+d":
		s.move(height-1, height)
	case "home", "g":
		s.to(0, height)
	case "end", "G":
		s.to(len(s.lines), height)
	default:
		return false
	}
	return true
}
