import { describeEachEngine, sharedEngine, wantedKinds } from '../../support/engine/shared.ts'

const VARIABLES = ['POWERSTRIP_ENGINES', 'POWERSTRIP_ENGINE_KINDS'] as const
const before = VARIABLES.map((name) => [name, process.env[name]] as const)
let said: jest.SpyInstance

beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name]
  said = jest.spyOn(process.stderr, 'write').mockReturnValue(true)
})

afterEach(() => {
  said.mockRestore()
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
})

test('both engines are wanted unless the environment narrows it', () => {
  expect(wantedKinds()).toEqual(['old', 'new'])
  expect(said).not.toHaveBeenCalled()
})

test('a narrowed run says loudly what is not tested', () => {
  process.env.POWERSTRIP_ENGINE_KINDS = 'old'
  expect(wantedKinds()).toEqual(['old'])
  expect(said).toHaveBeenCalledWith(expect.stringMatching(/WARNING.*new engine is NOT tested/))
})

test('a kind that does not exist is refused', () => {
  process.env.POWERSTRIP_ENGINE_KINDS = 'old,ancient'
  expect(() => wantedKinds()).toThrow('"ancient" is not one of old, new')
})

test('engine tests without engines fail instead of vanishing', () => {
  expect(() => sharedEngine('old')).toThrow('POWERSTRIP_ENGINES is not set')
  expect(() => describeEachEngine('nothing', () => undefined)).toThrow('POWERSTRIP_ENGINES is not set')
})
