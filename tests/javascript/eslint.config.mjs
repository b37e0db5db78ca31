// ESLint rules for components and their tests; without imports, so that ESLint alone suffices.

const names = (words, access = "readonly") =>
  Object.fromEntries(words.trim().split(/\s+/).map((name) => [name, access]));

const BROWSER = names(`
  AbortController Blob ClipboardItem CustomEvent DataTransfer Element Event History ImageData
  MutationObserver Node ResizeObserver URL URLSearchParams TextDecoder clearInterval clearTimeout
  createImageBitmap document getComputedStyle localStorage navigator performance
  requestAnimationFrame setInterval setTimeout window
`);
const NODE = names("TextEncoder");

const RULES = `
  array-callback-return constructor-super default-case-last eqeqeq for-direction
  getter-return no-async-promise-executor no-case-declarations no-class-assign no-compare-neg-zero
  no-cond-assign no-const-assign no-constant-binary-expression no-constant-condition
  no-constructor-return no-control-regex no-debugger no-dupe-args no-dupe-class-members
  no-dupe-else-if no-dupe-keys no-duplicate-case no-duplicate-imports no-else-return no-empty
  no-empty-pattern no-eval no-ex-assign no-extend-native no-fallthrough no-func-assign
  no-global-assign no-implied-eval no-import-assign no-inner-declarations no-invalid-regexp
  no-irregular-whitespace no-lone-blocks no-loss-of-precision no-new-func no-prototype-builtins
  no-redeclare no-self-assign no-self-compare no-shadow no-sparse-arrays
  no-template-curly-in-string no-this-before-super no-throw-literal no-undef no-unreachable
  no-unsafe-finally no-unsafe-negation no-unsafe-optional-chaining no-unused-private-class-members
  no-useless-catch no-useless-escape no-useless-rename no-useless-return no-var object-shorthand
  prefer-const use-isnan valid-typeof
`;
const rules = { ...names(RULES, "error"), "no-unused-vars": ["error", { args: "after-used" }] };

export default [
  {
    files: ["vgg_viz/ui/widgets/components/*.js"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: BROWSER },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules,
  },
  {
    files: ["tests/javascript/*.mjs"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: NODE },
    rules,
  },
];
