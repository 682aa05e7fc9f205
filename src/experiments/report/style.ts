/** The page's style sheet: system fonts, a readable measure, light, dark and paper. */
import { paletteCss } from "./palette.js";

const RULES = `
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;font-feature-settings:"kern"}
main,header,footer{max-width:56rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:4.5rem}
footer{padding-bottom:5rem;color:var(--muted);font-size:.88rem}
p,dl,ul{max-width:40rem}
h1,h2,h3{line-height:1.2;text-wrap:balance;overflow-wrap:anywhere}
h1{font-size:clamp(1.9rem,5vw,2.7rem);letter-spacing:-.02em;margin:.2em 0 .35em;font-weight:680}
h2{font-size:1.55rem;letter-spacing:-.012em;margin:5rem 0 1rem;padding-top:1.4rem;border-top:1px solid var(--rule)}
h3{font-size:1.16rem;margin:3.5rem 0 .6rem}
h4{font-size:.88rem;font-weight:600;margin:0 0 .4rem;color:var(--ink)}
a{color:inherit;text-decoration-color:var(--muted);text-underline-offset:.18em}
a:hover{text-decoration-color:currentColor}
:focus-visible{outline:2px solid var(--reduction);outline-offset:2px;border-radius:3px}
code{font:.88em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
.kicker{margin:0;color:var(--muted);font-size:.88rem;letter-spacing:.02em}
.lead{font-size:clamp(1.15rem,2.6vw,1.38rem);line-height:1.5;max-width:44rem;margin:0 0 1.2rem;text-wrap:pretty}
.note{color:var(--muted);font-size:.92rem}
.missing{border-left:3px solid var(--noise);padding:.2rem 0 .2rem 1rem;margin:2rem 0;max-width:44rem;font-size:.95rem}
.missing p,.missing ul{margin:.3rem 0}
.missing li{overflow-wrap:anywhere}
nav{margin:2.2rem 0 0;font-size:.92rem}
nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;max-width:none}
.figure{margin:1.2rem 0 0}
.charts{display:flex;flex-wrap:wrap;gap:1.6rem 2.5rem}
.charts>div{flex:0 1 auto;min-width:0;max-width:100%;overflow-x:auto}
.panel+.panel{margin-top:2.2rem}
.panel>h4{font-size:1rem}
@media screen{.chosen .panel>h4{display:none}}
svg.chart{display:block;max-width:100%;height:auto;overflow:visible;font-family:inherit;--plot-background:var(--paper)}
svg.chart text{white-space:pre}
.charts>.wide>svg.chart{min-width:30rem}
figcaption{max-width:44rem;margin-top:1rem;color:var(--muted);font-size:.88rem;line-height:1.5}
.csv{white-space:nowrap;color:var(--ink)}
.choice{border:0;margin:0 0 1.2rem;padding:0;display:flex;flex-wrap:wrap;gap:.35rem;align-items:center;min-width:0}
.choice legend{float:left;margin-right:.6rem;padding:0;font-size:.88rem;color:var(--muted)}
.choice label{position:relative;font-size:.88rem;line-height:1.3;cursor:pointer}
.choice input{position:absolute;inset:0;opacity:0;margin:0;cursor:pointer}
.choice span{display:block;padding:.26rem .62rem;border:1px solid var(--rule);border-radius:99px}
.choice label:hover span{border-color:var(--muted)}
.choice input:checked+span{background:var(--ink);color:var(--paper);border-color:var(--ink)}
.choice input:focus-visible+span{outline:2px solid var(--reduction);outline-offset:2px}
.choice select{font:inherit;font-size:.92rem;color:inherit;background:var(--paper);border:1px solid var(--rule);border-radius:6px;padding:.3rem .5rem;max-width:100%}
.scroll{overflow-x:auto;margin:1.4rem 0}
table{border-collapse:collapse;font-size:.9rem;line-height:1.35;font-variant-numeric:tabular-nums lining-nums;min-width:36rem}
caption{text-align:left;color:var(--muted);font-size:.88rem;padding-bottom:.6rem}
th,td{padding:.45rem 0 .45rem 1.5rem;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child{padding-left:0}
thead th{font-weight:500;color:var(--muted);white-space:normal;vertical-align:bottom;border-bottom-color:var(--muted)}
tbody th{font-weight:600;position:sticky;left:0;background:var(--paper)}
.number{text-align:right}
.settings{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.9rem 2rem;margin:1.4rem 0;max-width:none;font-size:.9rem;line-height:1.35}
.settings div{min-width:0}
.settings dt{color:var(--muted)}
.settings dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
pre{margin:1.2rem 0;padding:1rem 1.1rem;background:var(--wash);border-radius:8px;overflow-x:auto;font-size:.85rem;line-height:1.6}
pre code{overflow-wrap:normal;font-size:inherit}
.terms dt{font-weight:600;margin-top:.9rem}
.terms dd{margin:0}
@media (max-width:40rem){body{font-size:16px}main,header,footer{padding-left:1.1rem;padding-right:1.1rem}header{padding-top:2.5rem}h2{margin-top:3.5rem}}
@media print{body{font-size:10pt}header{padding-top:0}nav,.choice,.csv{display:none}h2{margin-top:2.5rem}.figure,tr,.charts>div{break-inside:avoid}h2,h3,h4{break-after:avoid}.scroll,.charts>div,pre{overflow:visible}pre{white-space:pre-wrap}table{min-width:0;font-size:8pt}th,td{white-space:normal;padding-left:.7rem}pre{font-size:7pt}.charts>.wide>svg.chart{min-width:0}}
`;

/** The whole style sheet. */
export function styleSheet(): string {
  return paletteCss() + RULES.trim();
}
