/// What a user's environment is to the core: an object that keeps its state to itself, with what else it may offer.
namespace Rl.Core.Environments

open System
open Rl.Core.Environments.Rendering

/// An environment that keeps its state to itself.
type IMutableEnvironment =
    /// What is observed.
    abstract ObservationSpace: Space
    /// What can be done.
    abstract ActionSpace: Space
    /// The number of steps after which an episode is truncated; 0 for no limit.
    abstract MaxEpisodeSteps: int
    /// Starts an episode whose randomness all comes from `seed`, and writes its first observation.
    abstract Reset: seed: uint64 * observation: Span<float32> -> unit
    /// Takes an action and writes the next observation.
    abstract Step: action: ReadOnlySpan<float32> * observation: Span<float32> -> Outcome

/// A user's environment that can copy itself with its whole state, so that snapshots continue exactly.
type ICloneableEnvironment =
    inherit IMutableEnvironment
    /// A copy that shares nothing that changes.
    abstract Clone: unit -> IMutableEnvironment

/// A user's environment in which not every action is possible in every state.
type IMaskedEnvironment =
    inherit IMutableEnvironment
    /// Whether `ActionMask` may be asked.
    abstract HasActionMask: bool
    /// mask[i] ← whether choice i is possible now, in the order of the action space's choices. Not asked where there
    /// are none.
    abstract ActionMask: mask: Span<bool> -> unit

/// A user's environment whose numbers may lose their sense.
type IMutableBlowups =
    inherit IMutableEnvironment
    /// Whether the latest step ended its episode because the numbers of its state lost their sense (NaN, or beyond what
    /// means something), and for no reason of the task's.
    abstract HasBlownUp: bool

/// A user's environment that can be looked at.
type IMutableRenderable =
    inherit IMutableEnvironment
    /// Whether `Render` may be asked.
    abstract CanRender: bool
    /// What the present state looks like. It changes nothing.
    abstract Render: unit -> Scene
    /// The steps a second that look like its own time; greater than 0.
    abstract FramesPerSecond: float
