/// What a check of an environment's contract finds, and how findings are gathered.
namespace Rl.Core.Environments

open System
open System.Collections.Generic
open Rl.Core.Foundations

/// The parts of the contract.
type ContractRule =
    /// Id, spaces, limits: what an environment says of itself.
    | Declaration = 0
    /// No call throws but to refuse what is wrong.
    | Exceptions = 1
    /// Observations are finite, complete and in their space.
    | Observations = 2
    /// Rewards are finite.
    | Rewards = 3
    /// The same seed and actions give the same episode.
    | Reproducibility = 4
    /// A copy of a state, stepped, gives what the state gives.
    | Cloning = 5
    /// Wrong actions are refused by `ArgumentException`, and actions beyond a box are not.
    | Actions = 6
    /// A terminal state is refused by `InvalidOperationException`.
    | TerminalStates = 7
    /// Episodes are truncated by time limits, and never terminated as well.
    | Truncation = 8
    /// Masks allow at least one choice of each component.
    | ActionMasks = 9
    /// Rendering changes nothing.
    | Rendering = 10
    /// A captured batch continues with the same numbers.
    | Snapshots = 11
    /// Batches do what single steps do, however they are split.
    | Batches = 12
    /// A step pays what the goals that it led to are worth.
    | Goals = 13

/// One thing that is wrong.
type ContractFinding =
    {
        Rule: ContractRule
        /// Advice is no violation: the environment works, but an algorithm or a user may be misled.
        IsAdvice: bool
        /// Where it was first seen, such as "episode 1, step 3".
        Place: string
        /// What is wrong.
        Problem: string
        /// What to do.
        Remedy: string
        /// How often it was seen.
        Occurrences: int
    }

    override this.ToString() =
        let kind = if this.IsAdvice then "advice" else "violation"
        let times = if this.Occurrences > 1 then $" (seen {this.Occurrences} times)" else ""
        $"{kind}, {this.Rule}, {this.Place}: {this.Problem}{times} {this.Remedy}"

/// How thorough a check is.
type ContractOptions =
    {
        /// Where the randomness of the check comes from.
        Seed: uint64
        /// Steps of each walk; more find rarer faults.
        Steps: int
        /// Copies of the batches.
        Copies: int
    }

/// What to do about an exception, by what threw it.
[<RequireQualifiedAccess>]
module internal ExceptionRemedy =
    let of' (what: string) =
        match what with
        | "The factory" ->
            "Make a new environment at each call, whose spaces and limits can be read before its first Reset."
        | "A declaration" -> "Let spaces, limits and names be read at any time; make them once, in the constructor."
        | "Reset" -> "Let Reset start an episode from any seed and give an observation of the observation space."
        | "Step" ->
            "Let Step take every action of the action space that the mask allows until the episode is over, and give "
            + "an observation of the observation space."
        | "Render" -> "Let Render draw every state, the first and the last of an episode too."
        | "Clone" -> "Let Clone give an environment of the same class with the whole state."
        | "Dispose" -> "Let Dispose succeed at any time, a second time too."
        | _ -> "Find out by the exception where it comes from."

/// Gathers findings: the same one is kept once, with the place where it was first seen.
[<Sealed>]
type internal Findings() =
    let found = List<ContractFinding>()
    let places = Dictionary<struct (ContractRule * string), int>()

    let add rule isAdvice key place problem remedy =
        match places.TryGetValue(struct (rule, key)) with
        | true, index -> found[index] <- { found[index] with Occurrences = found[index].Occurrences + 1 }
        | _ ->
            places.Add(struct (rule, key), found.Count)

            found.Add
                {
                    Rule = rule
                    IsAdvice = isAdvice
                    Place = place
                    Problem = problem
                    Remedy = remedy
                    Occurrences = 1
                }

    /// A violation; those with the same `key` are one finding.
    member _.Violation(rule, key: string, place: string, problem: string, remedy: string) =
        add rule false key place problem remedy

    member _.Advice(rule, key: string, place: string, problem: string, remedy: string) =
        add rule true key place problem remedy

    /// Calls a function; an exception is a finding and no value.
    member this.Attempt(what: string, place: string, call: unit -> 'T) : 'T voption =
        try
            ValueSome(call ())
        with error ->
            this.Threw(what, place, error)
            ValueNone

    /// An exception where none belongs. The same one, numbers in its message apart, is one finding wherever it is met.
    member this.Threw(what: string, place: string, error: exn) =
        match error with
        | :? EnvironmentFailure as failure when not (isNull failure.InnerException) ->
            if failure.Step = 0 then
                this.Threw("Reset", $"reset of copy {failure.Copy}", nonNull failure.InnerException)
            else
                let place = $"copy {failure.Copy}, step {failure.Step} of its episode"
                this.Threw("Step", place, nonNull failure.InnerException)
        | :? EnvironmentFailure as failure when failure.Component >= 0 ->
            this.Violation(
                ContractRule.Observations,
                $"not finite {failure.Component}",
                place,
                failure.Message,
                "Return finite numbers: look for divisions by 0 and growth without bounds."
            )
        | :? EnvironmentFailure as failure ->
            this.Violation(ContractRule.Rewards, "not finite", place, failure.Message, "Return finite rewards.")
        | :? ObservationRefusal ->
            this.Violation(
                ContractRule.Observations,
                $"refused {String.filter (Char.IsDigit >> not) error.Message}",
                place,
                Guard.sentence $"{what} {error.Message}",
                $"Let {what} return an observation of the observation space, or correct the space."
            )
        | _ ->
            this.Violation(
                ContractRule.Exceptions,
                $"{error.GetType().Name} {String.filter (Char.IsDigit >> not) error.Message}",
                place,
                Guard.sentence $"{what} threw {error.GetType().Name}: {error.Message}",
                ExceptionRemedy.of' what
            )

    /// Requires an exception of a type; `does` says what the call does, for example "stepping with the action NaN".
    member this.Refuses<'Expected when 'Expected :> exn>
        (rule, place: string, does: string, isAdvice: bool, call: unit -> unit)
        =
        let expected = typeof<'Expected>.Name

        try
            call ()

            add rule isAdvice does place $"{does} is accepted." $"Refuse it with {expected}, naming what is wrong."
        with
        | :? 'Expected -> ()
        | :? EnvironmentFailure as failure when (failure.InnerException :? 'Expected) -> ()
        | error ->
            this.Violation(
                rule,
                does,
                place,
                Guard.sentence $"{does} throws {error.GetType().Name}: {error.Message}",
                $"Throw {expected}, naming what is wrong."
            )

    /// Everything that was found, violations first, in the order of the rules.
    member _.ToList() : ContractFinding list =
        found |> Seq.sortBy (fun finding -> finding.IsAdvice, int finding.Rule) |> Seq.toList

/// Checks of single values that environments and batches share.
[<RequireQualifiedAccess>]
module internal ContractValues =

    /// The number of choices of each component of an action: those that masks speak of.
    let rec choices (space: Space) : int[] =
        match space with
        | Space.Box _ -> [||]
        | Space.Discrete(count, _) -> [| count |]
        | Space.MultiDiscrete(counts, _) -> counts
        | Space.MultiBinary _ -> Array.create space.Size 2
        | Space.Tuple _
        | Space.Dict _ -> space.Parts |> List.map (fun (_, part) -> choices part) |> Array.concat

    /// Complains about an observation with a number that is not finite or outside its space.
    let observation (findings: Findings) (space: Space) (place: string) (values: ReadOnlySpan<float32>) =
        let notFinite = Guard.indexOfNonFinite values

        if notFinite >= 0 then
            findings.Violation(
                ContractRule.Observations,
                $"not finite {notFinite}",
                place,
                $"component {notFinite} of the observation is {values[notFinite]}.",
                "Return finite numbers: look for divisions by 0 and growth without bounds."
            )
        else
            let outside = space.IndexOfOutside values

            if outside >= 0 then
                findings.Violation(
                    ContractRule.Observations,
                    $"outside {outside}",
                    place,
                    $"component {outside} of the observation is {values[outside]}, outside {space}.",
                    "Widen the observation space or clip what is observed."
                )

    /// Complains about a mask without a possible choice.
    let mask (findings: Findings) (space: Space) (place: string) (mask: ReadOnlySpan<bool>) =
        let mutable first = 0

        for count in choices space do
            if not (mask.Slice(first, count).Contains true) then
                findings.Violation(
                    ContractRule.ActionMasks,
                    "none",
                    place,
                    $"the mask allows none of the choices {first} to {first + count - 1}.",
                    "Allow at least one choice of each component in every state that is not terminal."
                )

            first <- first + count

    /// Complains about a step that ends its episode twice.
    let endsTwice (findings: Findings) (place: string) =
        findings.Violation(
            ContractRule.Truncation,
            "both",
            place,
            "the step both terminated and truncated the episode.",
            "A terminal state is terminated alone: truncated says that the state still has a value."
        )

    /// Complains about an outcome's reward and flags.
    let outcome (findings: Findings) (limit: int) (place: string) (step: int) (outcome: Outcome) =
        if not (Double.IsFinite outcome.Reward) then
            findings.Violation(
                ContractRule.Rewards,
                "not finite",
                place,
                $"the reward is {outcome.Reward}.",
                "Return finite rewards."
            )

        if outcome.Terminated && outcome.Truncated then
            endsTwice findings place
        elif outcome.Truncated && (limit = 0 || step < limit) then
            let declared = if limit = 0 then "no limit is declared" else $"the limit is {limit} steps"

            findings.Advice(
                ContractRule.Truncation,
                "early",
                place,
                $"the episode was truncated after {step} steps, but {declared}.",
                "Declare a time limit as MaxEpisodeSteps; terminate if the task itself ends there."
            )

    /// Whether a mask has a possible choice of each component.
    let private isUsable (space: Space) (mask: bool[]) =
        let counts = choices space

        mask.Length = Array.sum counts
        && Array.forall2
            (fun first count -> Array.contains true mask[first .. first + count - 1])
            (Array.scan (+) 0 counts |> Array.take counts.Length)
            counts

    /// Draws an action of a space that a mask (empty for none) allows.
    let action (space: Space) (mask: bool[]) (rng: Rng) (values: Span<float32>) : Rng =
        if mask.Length > 0 && isUsable space mask then
            space.Sample(rng, ReadOnlySpan mask, values)
        else
            space.Sample(rng, values)

    /// Actions that must be refused, as texts and values.
    let wrongActions (space: Space) : (string * float32[]) list =
        let filled (value: float32) = Array.create space.Size value

        match space with
        | Space.Discrete(count, start) -> [ float32 start - 1.0f; float32 (start + count); float32 start + 0.5f; nanf ]
        | Space.MultiBinary _ -> [ -1.0f; 2.0f; 0.5f; nanf ]
        | Space.MultiDiscrete(counts, starts) ->
            [ float32 (Array.min starts) - 1.0f; float32 (Array.max (Array.map2 (+) counts starts)); nanf ]
        | Space.Box _
        | Space.Tuple _
        | Space.Dict _ -> [ nanf ]
        |> List.map (fun value -> string value, filled value)
