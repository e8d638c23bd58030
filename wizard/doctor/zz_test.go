package doctor
import ("testing";"fmt")
func TestX(t *testing.T){ n:=0; seen:=map[string]bool{}; for _,c:=range Catalogue(){ n++; if seen[c.ID]{fmt.Println("DOUBLE",c.ID)}; seen[c.ID]=true; if c.Area==AreaOpenClaw||c.Area==AreaSkills{ fmt.Println(c.ID,c.Severity,c.Controls) } }; fmt.Println(n)
 for _,l:=range []bool{false,true}{ s:=newScene(t); if l{s.legacy()}; for _,r:=range Examine(t.Context(),s.Host,Selection{}).Results{ if r.Outcome==Found||r.Outcome==NotChecked { fmt.Println(l,r.Check.ID,r.Outcome,r.Severity(), r.Findings, r.Gaps) } } } }
