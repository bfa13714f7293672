/** Builds the server's pages, and puts beside them what its API documentation is shown with. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'
import { licences, packages } from '../build/licences.ts'

const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url))
const DOCS = [
  'swagger-ui-dist/swagger-ui-bundle.js',
  'swagger-ui-dist/swagger-ui.css',
  'redoc/bundles/redoc.standalone.js',
]
const DOCS_NOTICES = [
  'swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt',
  'redoc/bundles/redoc.standalone.js.LICENSE.txt',
]
const NOTHING = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
const SERVER = ['/v1', '/health']

/** The files for `/docs` and `/redoc`, and the licences of every package in what is built. */
function extras(): Plugin {
  return {
    name: 'extras',
    apply: 'build',
    generateBundle(_options, bundle) {
      for (const path of DOCS) {
        const source = readFileSync(`${MODULES}/${path}`, 'utf8')
          .replace(/\n\/[/*]# sourceMappingURL=.*/, '')
          .replace('https://cdn.redoc.ly/redoc/logo-mini.svg', NOTHING) // whoever reads here shall not be seen there
        this.emitFile({ type: 'asset', fileName: `docs/${path.split('/').pop()}`, source })
      }
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk')
      const bundled = packages(chunks.flatMap((chunk) => Object.keys(chunk.modules)))
      const copied = ['swagger-ui-dist', 'redoc'].map((name) => `${MODULES}/${name}`)
      const notices = DOCS_NOTICES.map((path) => readFileSync(`${MODULES}/${path}`, 'utf8').trim())
      const source = [licences([...bundled, ...copied]), ...notices].join('\n\n') + '\n'
      this.emitFile({ type: 'asset', fileName: 'LICENSES.txt', source })
    },
  }
}

export default defineConfig({
  plugins: [vue(), extras()],
  build: {
    outDir: '../../src/wheatstone/server/ui',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 10_000,
  },
  server: { proxy: Object.fromEntries(SERVER.map((path) => [path, { target: 'http://127.0.0.1:8000' }])) },
})
