/// Observations with goals: what was reached and what is to be reached, and the reward of any two of them.
namespace Rl.Core.Environments

open System
open System.Threading
open Rl.Core.Foundations

/// An environment with goals, by the contract of Gymnasium-Robotics' `GoalEnv`: its observations are a `Dict` with the
/// entries `achieved_goal` and `desired_goal`, of one shape, beside `observation`; what a step pays follows from these
/// two, so that hindsight can tell what it would have paid with another goal. Pure environments and users' mutable ones
/// offer it alike.
type IGoalEnvironment =
    /// Whether the rewards of goals may be asked.
    abstract HasGoals: bool

    /// The reward of a step that led to `achieved` where `desired` was the goal, as values of their spaces; that of
    /// `Step` for the two goals in the observation that it led to. A function of these alone, which may be called at
    /// any time.
    abstract ComputeReward: achieved: ReadOnlySpan<float32> * desired: ReadOnlySpan<float32> -> float

    /// Whether reaching `achieved` where `desired` was the goal terminates the episode: always false where a success
    /// does not. An episode may terminate for other reasons besides. As `ComputeReward`, a function of the two alone.
    abstract ComputeTerminated: achieved: ReadOnlySpan<float32> * desired: ReadOnlySpan<float32> -> bool

/// The reward of a step that led to `achieved` where `desired` was the goal, both encoded (`Space.encode`).
type GoalReward = delegate of achieved: ReadOnlySpan<float32> * desired: ReadOnlySpan<float32> -> float32

/// Whether reaching `achieved` terminates an episode whose goal was `desired`, both encoded (`Space.encode`).
type GoalTermination = delegate of achieved: ReadOnlySpan<float32> * desired: ReadOnlySpan<float32> -> bool

/// Where the goals stand in an encoded observation.
type GoalSpace =
    {
        /// The first number of what was reached.
        Achieved: int
        /// The first number of what was to be reached.
        Desired: int
        /// The numbers of a goal.
        Size: int
    }

/// Observations with goals.
[<RequireQualifiedAccess>]
module GoalSpace =

    /// The names that Gymnasium's robots have for the parts of an observation.
    [<Literal>]
    let AchievedName = "achieved_goal"

    /// The name of the part that says what is to be reached.
    [<Literal>]
    let DesiredName = "desired_goal"

    /// The space of a part of a dictionary and the index of its first number in an encoded value.
    let private find (space: Space) (name: string) : struct (int * Space) voption =
        let entries =
            match space with
            | Space.Dict entries -> entries
            | _ -> []

        let offsets = entries |> List.scan (fun offset (_, part) -> offset + Space.encodedSize part) 0

        match entries |> List.tryFindIndex (fun (known, _) -> known = name) with
        | Some index -> ValueSome(struct (offsets[index], snd entries[index]))
        | None -> ValueNone

    /// The goals of a space, or a sentence that says what it lacks.
    let tryOfSpace (space: Space) : Result<GoalSpace, string> =
        match find space AchievedName, find space DesiredName with
        | ValueSome(struct (achieved, achievedSpace)), ValueSome(struct (desired, desiredSpace)) ->
            let size = Space.encodedSize achievedSpace

            if achievedSpace.Shape = desiredSpace.Shape && size = Space.encodedSize desiredSpace then
                Ok { Achieved = achieved; Desired = desired; Size = size }
            else
                Error(
                    $"A goal that is achieved, {achievedSpace}, must be able to be "
                    + $"one that is desired, {desiredSpace}: give both the same space."
                )
        | _ ->
            Error(
                "Hindsight needs observations that are a Dict with the entries "
                + $"observation, {AchievedName} and {DesiredName}; this one is {space}."
            )

    /// The goals of a space: a dictionary with the entries `achieved_goal` and `desired_goal`, which are the same
    /// space.
    let ofSpace (space: Space) : GoalSpace =
        match tryOfSpace space with
        | Ok goals -> goals
        | Error problem -> Guard.fail (nameof space) problem

    /// The space of one goal; none where observations have no goals by name.
    let tryGoal (space: Space) : Space voption =
        find space AchievedName |> ValueOption.map (fun struct (_, part) -> part)

/// The goals of an environment: where they stand, what any two of them are worth, and whether a success ends an
/// episode. All of it speaks of encoded observations, as replays hold them.
[<NoEquality; NoComparison>]
type GoalTask =
    {
        /// Where the goals stand in an encoded observation.
        Space: GoalSpace
        /// What a step pays.
        Reward: GoalReward
        /// Whether a step is the last.
        Terminates: GoalTermination
    }

/// A user's functions of goals, which see values of their space: integers as integers, which are one-hot in what
/// learners see. What goes wrong in them is the environment's failure.
[<Sealed>]
type internal GoalFunctions(id: string, goal: Space, environment: IGoalEnvironment) =
    let size = goal.Size

    let isPlain =
        Space.layout goal
        |> List.forall (fun part ->
            match part.Space with
            | Space.Discrete _
            | Space.MultiDiscrete _ -> false
            | _ -> true)

    // The two goals of a call.
    let values = new ThreadLocal<float32[]>(fun () -> Array.zeroCreate (2 * size))

    let fail (value: float) (problem: string) (inner: exn | null) : unit =
        raise (EnvironmentFailure($"{id}: {problem}", id, 0, 0, -1, value, inner))

    member private _.Compute(achieved: ReadOnlySpan<float32>, desired: ReadOnlySpan<float32>) : float =
        let mutable reward = nan

        try
            reward <- environment.ComputeReward(achieved, desired)
        with error ->
            fail nan $"ComputeReward threw {error.GetType().Name}: {error.Message}" error

        if not (Single.IsFinite(float32 reward)) then
            fail reward $"ComputeReward returned {reward}; a reward must be finite as a 32-bit number." null

        reward

    member private _.Ends(achieved: ReadOnlySpan<float32>, desired: ReadOnlySpan<float32>) : bool =
        let mutable isEnd = false

        try
            isEnd <- environment.ComputeTerminated(achieved, desired)
        with error ->
            fail nan $"ComputeTerminated threw {error.GetType().Name}: {error.Message}" error

        isEnd

    member private _.Decode(achieved: ReadOnlySpan<float32>, desired: ReadOnlySpan<float32>) : float32[] =
        let both = values.Value
        Space.decode goal achieved (Span(both, 0, size))
        Space.decode goal desired (Span(both, size, size))
        both

    /// The reward of encoded goals.
    member this.Reward(achieved: ReadOnlySpan<float32>, desired: ReadOnlySpan<float32>) : float32 =
        if isPlain then
            float32 (this.Compute(achieved, desired))
        else
            let both = this.Decode(achieved, desired)
            float32 (this.Compute(ReadOnlySpan(both, 0, size), ReadOnlySpan(both, size, size)))

    /// Whether encoded goals end an episode.
    member this.Terminates(achieved: ReadOnlySpan<float32>, desired: ReadOnlySpan<float32>) : bool =
        if isPlain then
            this.Ends(achieved, desired)
        else
            let both = this.Decode(achieved, desired)
            this.Ends(ReadOnlySpan(both, 0, size), ReadOnlySpan(both, size, size))

/// Goals of environments.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module GoalTask =

    /// Why an environment without goals has none.
    let internal absent: Result<GoalTask, string> =
        Error "it offers no rewards of goals; take an environment that is an IGoalEnvironment, such as BitFlipping-v0"

    /// The goals of an environment by its name, its space of observations and its own functions, which see values of
    /// their spaces, integers as integers. `ArgumentException` where the space has no two goals of one shape;
    /// `EnvironmentFailure` later, where a function throws or a reward is not finite.
    let ofEnvironment (id: string) (space: Space) (environment: IGoalEnvironment) : GoalTask =
        let goals =
            match GoalSpace.tryOfSpace space with
            | Ok goals -> goals
            | Error problem -> Guard.fail "ObservationSpace" $"The ObservationSpace of {id} has no goals: {problem}"

        let functions = GoalFunctions(id, (GoalSpace.tryGoal space).Value, environment)

        {
            Space = goals
            Reward = GoalReward(fun achieved desired -> functions.Reward(achieved, desired))
            Terminates = GoalTermination(fun achieved desired -> functions.Terminates(achieved, desired))
        }

    /// The same goals with what becomes of each reward.
    let mapReward (transform: float -> float) (task: GoalTask) : GoalTask =
        { task with
            Reward =
                GoalReward(fun achieved desired -> float32 (transform (float (task.Reward.Invoke(achieved, desired)))))
        }

    /// The goals that an environment offers, if it offers them.
    let internal offered (id: string) (space: Space) (environment: obj) : Result<GoalTask, string> =
        match environment with
        | :? IGoalEnvironment as goals when goals.HasGoals -> Ok(ofEnvironment id space goals)
        | _ -> absent
