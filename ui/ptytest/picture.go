//go:build unix

package ptytest

import (
	"fmt"
	"html"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/hinshun/vt10x"
)

// The size of a cell of a picture, in its units.
const (
	cellWidth, cellHeight = 8, 17
	pictureMargin         = 12
)

// attrBold is vt10x's mode of bold text, which it does not export.
const attrBold = 4

// Picture is the screen as an SVG, as a terminal with a dark background shows it.
func (t *Term) Picture() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	cols, rows := t.screen.Size()
	var b strings.Builder
	w, h := cols*cellWidth+2*pictureMargin, rows*cellHeight+2*pictureMargin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", w, h, w, h)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="#1c1f26"/>`+"\n", w, h)
	fmt.Fprintf(&b, `<g font-family="ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="13" xml:space="preserve">`+"\n")
	for y := range rows {
		t.pictureRow(&b, y, cols)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// pictureRow writes a line, a piece for each style: pieces are placed, so that a font
// that is wider than thought moves nothing.
func (t *Term) pictureRow(b *strings.Builder, y, cols int) {
	for x := 0; x < cols; {
		first := t.screen.Cell(x, y)
		var text strings.Builder
		end := x
		for ; end < cols; end++ {
			c := t.screen.Cell(end, y)
			if c.FG != first.FG || c.BG != first.BG || c.Mode != first.Mode {
				break
			}
			text.WriteRune(max(c.Char, ' '))
		}
		if s := strings.TrimRight(text.String(), " "); s != "" {
			style := ""
			if first.Mode&attrBold != 0 {
				style = ` font-weight="bold"`
			}
			fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s" textLength="%d"%s>%s</text>`+"\n", pictureMargin+x*cellWidth, pictureMargin+y*cellHeight+13,
				colour(first.FG), ansi.StringWidth(s)*cellWidth, style, html.EscapeString(s))
		}
		x = end
	}
}

// sixteen are the colours of a terminal's palette.
var sixteen = []string{
	"#1c1f26", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4",
	"#7f848e", "#ff7b86", "#b5e08f", "#f2d08a", "#7cc1ff", "#d98ef0", "#6fd3df", "#ffffff",
}

// colour is a colour of the palette of 256 or of all, for the web.
func colour(c vt10x.Color) string {
	switch {
	case c == vt10x.DefaultFG:
		return "#d7dae0"
	case c < 16:
		return sixteen[c]
	case c < 232:
		n := int(c) - 16
		level := func(i int) int {
			if i == 0 {
				return 0
			}
			return 55 + 40*i
		}
		return fmt.Sprintf("#%02x%02x%02x", level(n/36), level(n/6%6), level(n%6))
	case c < 256:
		grey := 8 + 10*(int(c)-232)
		return fmt.Sprintf("#%02x%02x%02x", grey, grey, grey)
	}
	return fmt.Sprintf("#%06x", uint32(c)&0xffffff)
}
