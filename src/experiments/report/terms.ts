/** Definitions, as they are used everywhere in the report. docs/report.md says the same at more length. */
export const TERMS = `<section><h2 id="terms">Terms</h2><dl class="terms">
<dt>Noise</dt><dd>In every class, that share of the training images is chosen and given other labels by the named kind. <em>shuffle</em> pools the labels of all chosen images and deals them out again, so class sizes stay and a few images get their own label back; <em>uniform</em> gives each chosen image a wrong label. The share that is really wrong is in the table of accuracies. Test labels are never touched.</dd>
<dt>Reduction</dt><dd>In every class, that share of the training images is removed: at the same level, the very images whose labels the noise would have changed.</dd>
<dt>Last and best</dt><dd>After the last epoch, and the best of all evaluated epochs. The best is chosen on the test images and so flatters; everything but the columns named best uses the last.</dd>
<dt>TPR</dt><dd>True positive rate of a class, TP / (TP + FN): the share of its test images that are recognised. TPRn_norm and TPRd_norm are the rates with noise and with reduction divided by that of the clean run.</dd>
<dt>Impact Index</dt><dd>Y − X with Y = 1 − TPRn_norm and X = 1 − TPRd_norm, which is TPRd_norm − TPRn_norm. Positive: noise harmed the class more than losing as many images.</dd>
<dt>Exchange rate</dt><dd>The share of the training images whose loss costs as much accuracy as the noise. “More than 30 %” where the noise cost more than the largest reduction that was trained.</dd>
<dt>Sensitivity</dt><dd>Of a class: the mean over the noise levels of 1 − TPRn_norm. Kendall's W says how far m models agree on the order of the classes: 1 is full agreement, random orders give 1/m on average.</dd>
<dt>Intervals</dt><dd>95 %. From three seeds on they are paired t intervals over the seeds. With fewer they come from resampling the test images and say “one training draw” or “two training draws”: they hold for these networks, not for the next training.</dd>
</dl></section>`;
