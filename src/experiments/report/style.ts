/** The page's style sheet: system fonts, a readable measure, light, dark and paper. */
import { paletteCss } from "./palette.js";

const RULES = `
*{box-sizing:border-box}
[data-off]{display:none!important}
html{-webkit-text-size-adjust:100%}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
main,header,footer{max-width:70rem;margin:0 auto;padding:0 1.75rem}
main:focus{outline:none}
header{padding-top:4.5rem}
footer{padding-top:3rem;padding-bottom:5rem;color:var(--muted);font-size:.88rem}
p,dl,ul{max-width:41rem}
h1,h2,h3{line-height:1.2;text-wrap:balance;overflow-wrap:anywhere}
h1{font-size:1.16rem;font-weight:600;letter-spacing:-.005em;margin:.3rem 0 2.2rem}
h2{font-size:1.7rem;letter-spacing:-.015em;font-weight:680;margin:6rem 0 1.2rem;padding-top:1.6rem;border-top:1px solid var(--rule)}
h3{font-size:1.16rem;margin:3.6rem 0 .8rem}
h2+.block>h3:first-child,h2+.scroll{margin-top:1.6rem}
h4{font-size:.9rem;font-weight:600;margin:0 0 .5rem;color:var(--ink)}
a{color:inherit;text-decoration-color:var(--muted);text-underline-offset:.18em}
a:hover{text-decoration-color:currentColor}
:focus-visible{outline:2px solid var(--reduction);outline-offset:3px;border-radius:3px}
.skip{position:absolute;left:1rem;top:-4rem;background:var(--ink);color:var(--paper);padding:.5rem .9rem;border-radius:6px;z-index:2}
.skip:focus{top:1rem}
code{font:.88em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
.kicker{margin:0;color:var(--muted);font-size:.88rem;letter-spacing:.02em;overflow-wrap:anywhere}
.answer{font-size:clamp(1.7rem,4.6vw,2.75rem);line-height:1.16;letter-spacing:-.022em;font-weight:680;max-width:54rem;margin:0 0 1rem;text-wrap:balance;overflow-wrap:anywhere}
.findings{font-size:1.06rem;line-height:1.5;padding-left:1.15rem;margin:1.8rem 0;max-width:46rem}
.findings li{margin:.4rem 0;overflow-wrap:anywhere;text-wrap:pretty}
.findings li::marker{color:var(--muted)}
.note,.intro{color:var(--muted);font-size:.92rem;text-wrap:pretty}
.aside{color:var(--muted);font-size:.85rem;font-weight:400}
.missing{border-left:3px solid var(--noise);padding:.2rem 0 .2rem 1rem;margin:2rem 0;max-width:46rem;font-size:.95rem}
.missing p,.missing ul{margin:.3rem 0}
.missing li{overflow-wrap:anywhere}
nav{margin:2.4rem 0 0;font-size:.92rem;display:flex;flex-wrap:wrap;gap:.6rem 1.4rem;align-items:baseline}
nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;max-width:none;flex:1 1 auto}
button{font:inherit;font-size:.85rem;line-height:1.3;color:inherit;background:none;border:1px solid var(--rule);border-radius:99px;padding:.26rem .7rem;cursor:pointer}
button:hover{border-color:var(--muted)}
.figure{margin:1.2rem 0 0}
.charts{display:flex;flex-wrap:wrap;gap:2rem 2.4rem}
.charts>div{flex:0 1 auto;min-width:0;max-width:100%}
.charts>.wide{overflow-x:auto}
.panel>h4.model{display:none}
svg.chart{display:block;max-width:100%;height:auto;overflow:visible;font-family:inherit;font-variant-numeric:tabular-nums}
.wide svg.chart{min-width:30rem}
.cells{min-width:0}
.cells .reach{overflow-x:auto;padding:3px}
.cells .ring{fill:none;stroke:var(--ink);stroke-width:2}
.cells .ring:not([x]){display:none}
.readout{min-height:3.2em;margin:.3rem 0 0;font-size:.85rem;line-height:1.45;max-width:44rem;color:var(--ink);font-variant-numeric:tabular-nums;overflow-wrap:anywhere;contain:inline-size}
.readout .hint{color:var(--muted)}
figcaption{max-width:46rem;margin-top:1.1rem;color:var(--muted);font-size:.88rem;line-height:1.5}
figcaption strong{color:var(--ink)}
.data{display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;align-items:baseline;margin-top:.7rem;font-size:.88rem}
.choices{display:flex;flex-wrap:wrap;gap:.7rem 2rem;margin:0 0 1.3rem}
.choices[hidden]{display:none}
.choices fieldset{border:0;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.35rem;align-items:center;min-width:0}
.choices .list{max-width:100%}
.choices legend,.choices .list{float:left;margin-right:.6rem;padding:0;font-size:.88rem;color:var(--muted)}
.choices fieldset label{position:relative;font-size:.88rem;line-height:1.3;cursor:pointer;max-width:100%}
.choices input{position:absolute;inset:0;opacity:0;margin:0;cursor:pointer;width:100%;height:100%}
.choices span{display:block;padding:.26rem .7rem;border:1px solid var(--rule);border-radius:99px;overflow-wrap:anywhere}
.choices label:hover span{border-color:var(--muted)}
.choices input:checked+span{background:var(--ink);color:var(--paper);border-color:var(--ink)}
.choices input:focus-visible+span{outline:2px solid var(--reduction);outline-offset:2px}
select{font:inherit;font-size:.92rem;color:var(--ink);background:var(--paper);border:1px solid var(--rule);border-radius:6px;padding:.3rem .5rem;max-width:100%;margin-left:.3rem}
.scroll{overflow-x:auto;margin:1.4rem 0}
table{border-collapse:separate;border-spacing:0;font-size:.88rem;line-height:1.35;font-variant-numeric:tabular-nums lining-nums}
caption{text-align:left;color:var(--muted);font-size:.88rem;padding-bottom:.6rem}
th,td{padding:.4rem 0 .4rem 1.6rem;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child{padding-left:0}
thead th,thead td{font-weight:500;color:var(--muted);white-space:normal;vertical-align:bottom;border-bottom-color:var(--muted);min-width:3.4rem}
tbody th{font-weight:500;position:sticky;left:0;background:var(--paper);padding-right:.6rem;max-width:14rem;overflow:hidden;text-overflow:ellipsis}
.short tbody th{max-width:none}
.group th{font-weight:680;padding-top:1.5rem;border-bottom-color:var(--muted)}
tbody:first-of-type .short tbody th{max-width:none}
.group th{padding-top:.7rem}
.number{text-align:right}
#exchange-table tbody td,#exchange-table tbody th{font-size:1rem;padding-top:.6rem;padding-bottom:.6rem}
#exchange-table .aside{font-size:.8rem}
details{margin:1rem 0}
details[hidden]{display:none}
summary{cursor:pointer;font-size:.95rem;width:fit-content}
.data summary{font-size:.88rem;text-decoration:underline;text-decoration-color:var(--muted);text-underline-offset:.18em}
.data .scroll{max-height:26rem;overflow:auto}
.data details{margin:0;max-width:100%}
.data details[open]{flex-basis:100%}
.claims{list-style:none;padding:0;max-width:50rem}
.claim{display:grid;grid-template-columns:8rem 1fr;gap:.2rem 1.2rem;padding:1rem 0;border-bottom:1px solid var(--rule)}
.claim p{margin:0 0 .3rem;overflow-wrap:anywhere}
.claim p+p{font-size:.94rem;line-height:1.5}
.claim .aside{margin:0;font-size:.85rem}
.verdict{font-size:.88rem;font-weight:600;color:var(--muted)}
.verdict::before{display:inline-block;width:1.3em;content:"–"}
.verdict[data-verdict="held"]{color:var(--good)}
.verdict[data-verdict="held"]::before{content:"✓"}
.verdict[data-verdict="not held"]{color:var(--noise)}
.verdict[data-verdict="not held"]::before{content:"✗"}
.verdict[data-verdict="inconclusive"]::before{content:"?"}
.settings{display:grid;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr));gap:.9rem 2rem;margin:1.4rem 0;max-width:none;font-size:.9rem;line-height:1.35}
.settings div{min-width:0}
.settings dt{color:var(--muted)}
.settings dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
pre{margin:1.2rem 0;padding:1rem 1.1rem;background:var(--wash);border-radius:8px;overflow:auto;max-height:24rem;font-size:.82rem;line-height:1.6}
pre code{overflow-wrap:normal;font-size:inherit}
.terms dt{font-weight:600;margin-top:.9rem}
.terms dd{margin:0}
@media (max-width:40rem){body{font-size:16px}main,header,footer{padding-left:1.1rem;padding-right:1.1rem}header{padding-top:2.2rem}h2{margin-top:4rem;font-size:1.45rem}.claim{grid-template-columns:1fr}}
@media print{
@page{margin:16mm 14mm}
body{font-size:9.5pt}
main,header,footer{max-width:none;padding:0}
nav,.choices,.data,.readout,.skip,details:not([open]),details.table,button{display:none!important}
h2{margin-top:2.2rem}
h2,h3,h4{break-after:avoid}
.block[data-scope] .panel[data-at-model][data-off]{display:block!important}
.panel>h4.model{display:block;margin-top:1rem}
.claim,tr,.charts>div,figcaption{break-inside:avoid}
.block:not(:has([data-at-model])){break-inside:avoid}
figcaption{break-before:avoid}
.charts{gap:1rem 4%}
.charts>div{max-width:48%}
.charts>.wide{max-width:100%;overflow:visible}
.wide svg.chart{min-width:0}
svg.chart{max-height:195mm}
.scroll,.cells .reach,pre{overflow:visible;max-height:none}
pre{white-space:pre-wrap;font-size:7pt}
table{font-size:7.5pt}
th,td{white-space:normal;padding-left:.6rem}
tbody th{position:static}
.answer{font-size:20pt}
}
`;

/** The whole style sheet. */
export function styleSheet(): string {
  return paletteCss() + RULES.trim();
}
