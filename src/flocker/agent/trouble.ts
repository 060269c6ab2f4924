/** Expected trouble of an agent, in words for the person who waits for the data. */
export interface AgentTrouble {
  readonly message: string
  /** The dataset is in use: nothing is wrong, and it may be over any moment. */
  readonly busy?: true
  /** The disk has no room, and what was received so far takes up what there is. */
  readonly full?: true
}
