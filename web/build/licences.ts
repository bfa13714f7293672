/** The licences of the packages that end up in what is built. */

import { readFileSync } from 'node:fs'

/** Folders of the packages that modules come from. */
export function packages(modules: string[]): string[] {
  return [...new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replace('\0', '')) ?? []))]
}

/** Name, version and licence of each. */
export function licences(folders: string[]): string {
  const texts = folders.map((folder) => {
    const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Record<string, string>
    return `${name} ${version}\n\n${readFileSync(`${folder}/LICENSE`, 'utf8').trim()}`
  })
  return texts.join('\n\n')
}
