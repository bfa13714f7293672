/** Builds the page into one HTML file that Wheatstone puts scenes into. */

import { createHash } from 'node:crypto'
import { defineConfig, type Plugin } from 'vite'
import { licences, packages } from '../build/licences.ts'

const SLOTS = ['{{poster}}', '{{facts}}', '{{scene}}']
const INLINE = /<(script|style)>([^]*?)<\/\1>/g

/** Inline script and style, name the packages inside with their licences, and allow nothing but that. */
function oneFile(): Plugin {
  return {
    name: 'one-file',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const files = Object.values(bundle)
      const page = files.find((file) => file.fileName.endsWith('.html'))
      const code = files.find((file) => file.type === 'chunk')
      const style = files.find((file) => file.fileName.endsWith('.css'))
      if (page?.type !== 'asset' || code?.type !== 'chunk' || style?.type !== 'asset' || files.length !== 3) {
        throw new Error(`Expected a page, a script and a style, got ${files.map((file) => file.fileName)}.`)
      }
      const script = code.code.replaceAll('</script', '<\\/script').replaceAll('<!--', '\\x3c!--')
      let html = String(page.source)
        .replace(/\s*<script type="module".*?<\/script>/, '')
        .replace(/<link rel="stylesheet".*?>/, () => `<style>${String(style.source)}</style>`)
        .replace('<!--script-->', () => `${comment(Object.keys(code.modules))}<script>${script}</script>`)
      const hashes = { script: '', style: '' }
      for (const [, kind, content] of html.matchAll(INLINE)) {
        hashes[kind as 'script' | 'style'] += ` 'sha256-${createHash('sha256').update(content!).digest('base64')}'`
      }
      const policy = [
        "default-src 'none'",
        `script-src${hashes.script} 'wasm-unsafe-eval'`,
        `style-src${hashes.style}`,
        'img-src data:',
        'worker-src blob:',
        "base-uri 'none'",
        "form-action 'none'",
      ].join('; ')
      html = html.replace('<!--policy-->', `<meta http-equiv="Content-Security-Policy" content="${policy}" />`)
      for (const slot of SLOTS) {
        if (html.split(slot).length !== 2) throw new Error(`The page must hold ${slot} once.`)
      }
      for (const file of [code, style]) delete bundle[file.fileName]
      page.fileName = '_viewer.html'
      page.source = html
    },
  }
}

const comment = (modules: string[]) =>
  `<!--\nThe script holds these packages:\n\n${licences(packages(modules)).replaceAll('--', '- -')}\n-->\n`

export default defineConfig({
  plugins: [oneFile()],
  build: {
    outDir: '../../src/wheatstone/splats/formats',
    emptyOutDir: false,
    target: 'es2022',
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 10_000,
    rolldownOptions: { output: { format: 'iife' } },
  },
})
