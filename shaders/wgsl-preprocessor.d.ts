declare module "wgsl-preprocessor/wgsl-preprocessor.js" {
  /** Template tag with `#if ${condition}` … `#elif` … `#else` … `#endif` in WGSL text. */
  export function wgsl(
    strings: TemplateStringsArray,
    ...values: readonly unknown[]
  ): string;
}
