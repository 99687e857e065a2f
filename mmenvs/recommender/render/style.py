"""The style sheet of HTML pages: light and dark, for wide and narrow windows."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #f5f5f3; --card: #fff; --edge: #dcdcda; --ink: #242832; --grey: #626773;
  --bar: #e6e7ea; --pick: #f08c1e; --pick-ink: #3a1d00; --good: #1d8048; --bad: #c23a38;
  --organic: #2f6fca; --gold: #b97f00; --on: #fff; --muted: #5c6270; --head: #21293c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171d; --card: #1e222b; --edge: #343a46; --ink: #eceef2; --grey: #a3a9b6;
    --bar: #343a46; --pick: #f39a38; --good: #2f9e62; --bad: #e06a66; --organic: #5b97ea;
    --gold: #f0b228; --on: #0d1014; --muted: #9299a8; --head: #0e1117;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1, h2, h3, p, dl, dd, ol, ul { margin: 0; padding: 0; }
ol, ul { list-style: none; }
h2 { font-size: 1.05rem; }
h3 { font-size: .95rem; line-height: 1.3; overflow-wrap: anywhere; }
header { background: var(--head); color: #fff; padding: .8rem 1.2rem; }
header > div, main, footer { max-width: 84rem; margin: 0 auto; }
header > div { display: flex; flex-wrap: wrap; gap: .4rem 2rem; align-items: center; }
h1 { font-size: 1.15rem; font-weight: 600; display: flex; align-items: center; gap: .6rem; }
h1 span {
  background: #f08c1e; border-radius: .5rem; width: 1.9rem; height: 1.9rem;
  display: grid; place-items: center; font-weight: 700;
}
.facts { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; margin-left: auto; }
.facts div { display: flex; gap: .4rem; }
.facts dt { color: #aab3c6; }
.facts dd { font-weight: 600; }
main { padding: 1.1rem 1.2rem; display: grid; gap: 1.2rem; grid-template-columns: minmax(0, 1fr) 18.5rem; }
main > .wide { grid-column: 1 / -1; }
section > h2, .title {
  display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; margin: 0 .2rem .6rem;
}
section > h2 small, .title small { font-weight: 400; font-size: .85rem; color: var(--grey); }
section + section, .gap { margin-top: 1.2rem; }
.cards { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(9.6rem, 1fr)); }
.card, aside, .strip, details {
  background: var(--card); border: 1px solid var(--edge); border-radius: .75rem;
  box-shadow: 0 1px 2px rgb(0 0 0 / 8%);
}
.card { position: relative; padding: .6rem; display: flex; flex-direction: column; gap: .35rem; }
.card.picked { border-color: var(--pick); box-shadow: 0 0 0 2px var(--pick); }
.card.clicked { border-color: var(--good); box-shadow: 0 0 0 2px var(--good); }
.card img { width: 100%; height: auto; aspect-ratio: 1; border-radius: .5rem; display: block; }
.cards.few { grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); }
.cards.few .card { max-width: 26rem; }
.cards.one { grid-template-columns: minmax(0, 48rem); }
.cards.one .card {
  display: grid; grid-template-columns: minmax(0, 14rem) 1fr; align-content: start; gap: .4rem 1.2rem;
}
.cards.one .card > * { grid-column: 2; }
.cards.one .card > img { grid-column: 1; grid-row: 1 / span 7; }
.cards.one .offer { margin-top: 0; justify-content: start; gap: 1.5rem; }
.cards.many { grid-template-columns: repeat(auto-fill, minmax(5.8rem, 1fr)); gap: .5rem; }
.cards.many .card { padding: .3rem; }
.cards.many h3 { font-size: .7rem; font-weight: 500; }
.cards.many .offer { font-size: .72rem; }
.place { font-weight: 700; padding: 0 .5rem; }
.outcome {
  display: flex; width: fit-content; border-radius: 1rem; overflow: hidden; font-size: .82rem;
  font-weight: 600; background: var(--muted); color: var(--on);
}
.outcome .place { background: var(--pick); color: var(--pick-ink); }
.outcome .words { padding: 0 .6rem; }
.clicked > .outcome, .clicked > .outcome .place { background: var(--good); color: var(--on); }
.clicked > .outcome .place { border-right: 1px solid var(--card); }
.cards.many .outcome { font-size: .68rem; border-radius: .6rem; }
.cards.many .outcome span { padding: 0 .35rem; }
.cards.many .stars { font-size: .7rem; }
.stars { color: var(--gold); letter-spacing: .06em; white-space: nowrap; }
.offer { display: flex; justify-content: space-between; gap: .5rem; align-items: baseline; margin-top: auto; }
.price { font-weight: 700; }
.new {
  font-size: .78rem; padding: 0 .5rem; border-radius: 1rem; color: var(--organic);
  border: 1px solid currentcolor;
}
.description { font-size: .82rem; color: var(--grey); overflow-wrap: anywhere; }
.untitled { color: var(--grey); font-style: italic; }
.bars {
  display: grid; grid-template-columns: auto minmax(2rem, 1fr) auto; gap: .1rem .5rem;
  align-items: center; font-size: .8rem;
}
.bars dt { color: var(--grey); overflow-wrap: anywhere; }
.bars dd { display: contents; font-variant-numeric: tabular-nums; }
.bars dd span { text-align: right; }
.bar { height: .42rem; border-radius: 1rem; background: var(--bar); position: relative; overflow: hidden; }
.bar i { position: absolute; inset: 0 auto 0 0; background: var(--pick); border-radius: 1rem; }
.good i { background: var(--good); }
.bad i { background: var(--bad); }
.organic i { background: var(--organic); }
.plain i { background: var(--muted); }
.empty {
  border: 2px dashed var(--edge); border-radius: .75rem; min-height: 7rem; display: grid; place-items: center;
  color: var(--grey); font-size: 1.2rem;
}
aside { padding: 1rem 1.1rem; align-self: start; display: grid; gap: 1rem; position: sticky; top: 1rem; }
aside .title { margin: 0; align-items: center; }
.tag {
  font-size: .82rem; font-weight: 600; border-radius: 1rem; padding: .05rem .7rem;
  color: var(--on); background: var(--good);
}
.tag.bad { background: var(--bad); } .tag.organic { background: var(--organic); }
.mood { display: grid; grid-template-columns: 3.2rem 1fr; gap: .9rem; align-items: center; }
.meter { position: relative; }
.meter .bar { height: .6rem; }
.meter b { position: absolute; top: -.2rem; bottom: -.2rem; width: 2px; background: var(--ink); }
.row { display: flex; justify-content: space-between; align-items: baseline; gap: .6rem; font-size: .88rem; }
aside li { margin-top: .4rem; }
aside li .row span:first-child { color: var(--grey); }
.warn { color: var(--bad); font-weight: 600; }
.reward { border-top: 1px solid var(--edge); padding-top: .8rem; }
.reward strong { font-size: 1.5rem; }
.plus { color: var(--good); } .minus { color: var(--bad); }
.strip { padding: .8rem; }
.strip ol { display: flex; gap: .7rem; overflow-x: auto; padding-bottom: .3rem; }
.strip li { flex: 0 0 4.6rem; font-size: .75rem; color: var(--grey); text-align: center; }
.strip img { width: 100%; aspect-ratio: 1; border-radius: .5rem; display: block; margin-bottom: .35rem; }
.strip .ignored img { filter: grayscale(1); opacity: .45; }
.strip .organic img { outline: 2px solid var(--organic); outline-offset: -2px; }
details { padding: .8rem 1rem; }
summary { cursor: pointer; font-weight: 600; }
details[open] summary { margin-bottom: .8rem; }
details h3 { margin: 1rem 0 .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; min-width: 100%; }
th, td {
  padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--edge); white-space: nowrap;
}
th:first-child { padding-left: 0; }
th:first-child, .text { text-align: left; }
thead th { color: var(--grey); font-weight: 500; }
tbody th { font-weight: 500; }
.columns { columns: 15rem; column-gap: 2rem; }
.columns li { break-inside: avoid; }
.note { color: var(--grey); font-size: .88rem; }
:focus-visible { outline: 3px solid var(--organic); outline-offset: 2px; }
@media (max-width: 60rem) {
  main { grid-template-columns: minmax(0, 1fr); }
  aside { position: static; }
}
@media (max-width: 34rem) {
  main { padding: .8rem; } .facts { margin-left: 0; }
  .cards.one .card { grid-template-columns: minmax(0, 8rem) 1fr; gap: .4rem .8rem; }
  .cards, .cards.few { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem; }
  .cards.many { grid-template-columns: repeat(auto-fill, minmax(5.4rem, 1fr)); }
}
"""
