/** The mark of ippoold: a pool that is cut into four blocks, one of them assigned. */
export const mark = [
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">',
  '<rect width="32" height="32" rx="7" fill="#0b4f6c"/>',
  '<rect x="6" y="6" width="9" height="9" rx="2" fill="#f4a259"/>',
  '<rect x="17" y="6" width="9" height="9" rx="2" fill="#8fc1d4"/>',
  '<rect x="6" y="17" width="9" height="9" rx="2" fill="#8fc1d4"/>',
  '<rect x="17" y="17" width="9" height="9" rx="2" fill="#8fc1d4"/>',
  '</svg>',
].join('')

/** The media type of {@link mark}. */
export const markType = 'image/svg+xml'
