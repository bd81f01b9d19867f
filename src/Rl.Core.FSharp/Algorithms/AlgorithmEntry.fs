/// An algorithm as data: what there is to know of it before it is bound to environments.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// Where an algorithm belongs.
[<RequireQualifiedAccess>]
type AlgorithmFamily =
    /// Learns from what its present policy has just done.
    | OnPolicy
    /// Learns from replayed steps of other policies.
    | OffPolicy
    /// Searches for parameters by the returns of candidates.
    | Search
    /// Learns from recorded episodes that others may have made.
    | Offline
    /// Learns to do what an expert does, from its recorded episodes or by asking it.
    | Imitation

/// An option as the documentation has it.
type OptionDescription =
    {
        Name: string
        Kind: OptionKind
        /// Its value as text.
        Default: string
        /// The record that has it as a field; the documentation of the field is the option's.
        Owner: Type
        /// What it means, where that is not what the field's documentation says; else empty.
        Meaning: string
    }

/// The environment of an agent as a file tells it.
type PlanningPlace =
    {
        Environment: string
        /// Whether it has no wrappers.
        IsBare: bool
        Observations: Space
        Actions: Space
    }

/// An algorithm: its names, its options as data, and how it is bound to environments.
[<NoEquality; NoComparison>]
type AlgorithmEntry =
    {
        /// For example "ppo": what files and command lines call it.
        Id: string
        Name: string
        /// One line that says what it does, and where it comes from.
        Summary: string
        /// Where it is described: authors, title, year.
        Source: string
        Family: AlgorithmFamily
        /// The record of its options.
        OptionsType: Type
        /// Its options in the order of files.
        Options: OptionDescription list
        /// Whether it has actions of a space.
        Suits: Space -> bool
        /// Whether it learns from recorded episodes, which its learners are given beside environments
        /// (`LearnerData.Give`).
        NeedsData: bool
        /// Whether it acts in environments; else these may be the spaces of recorded episodes alone (`RecordedSpaces`).
        NeedsEnvironment: bool
        /// Whether it asks an expert while it trains, whom its learners are given (`LearnerExpert.Give`).
        NeedsExpert: bool
        /// Options, as texts, with which an update takes little time: for tests.
        Small: (string * string) list
        /// The options as texts, the defaults with the named ones replaced; names are matched whatever their case.
        /// Fails, naming it, for an option that there is not and for a text that is no such value.
        Settings: (string * string) list -> (string * string) list
        /// Fails for the first option that is out of its range, naming it.
        Validate: (string * string) list -> unit
        /// The length of θ for options, observations and actions, where that is known before an environment is there:
        /// files are checked by it when they are read.
        Parameters: ((string * string) list -> Space -> Space -> int) option
        /// What acts with a training state by options, of algorithms that plan; none of those whose network acts.
        /// `ArgumentException` for a state that is none of such options.
        Plans: ((string * string) list -> PlanningPlace -> TrainingState -> PlayerMaker) option
        /// Binds the defaults with the named options replaced to environments. `Workers` share the work; the results do
        /// not depend on their number.
        Create: (string * string) list -> BatchEnvironment -> Workers -> Learner
    }

/// Entries from an algorithm's options and functions.
[<RequireQualifiedAccess>]
module AlgorithmEntry =

    /// What an algorithm is called and where it comes from.
    type Names = { Id: string; Name: string; Summary: string; Source: string; Family: AlgorithmFamily }

    /// The entry of an algorithm.
    let create
        (names: Names)
        (defaults: 'C)
        (rows: OptionRow<'C> list)
        (small: (string * string) list)
        (validate: 'C -> unit)
        (create: 'C -> BatchEnvironment -> Workers -> Learner)
        : AlgorithmEntry =
        let ofPairs pairs = Options.ofPairs rows pairs defaults

        let validate options =
            validate options
            NetworkOptions.requireRead rows defaults options

        {
            Id = names.Id
            Name = names.Name
            Summary = names.Summary
            Source = names.Source
            Family = names.Family
            OptionsType = typeof<'C>
            Options =
                [
                    for row in rows do
                        {
                            Name = row.Name
                            Kind = row.Kind
                            Default = row.Print defaults
                            Owner = row.Owner
                            Meaning = row.Meaning
                        }
                ]
            Suits = fun _ -> true
            NeedsData = false
            NeedsEnvironment = true
            NeedsExpert = false
            Small = small
            Settings = ofPairs >> Options.toPairs rows
            Validate = ofPairs >> validate
            Parameters = None
            Plans = None
            Create =
                fun pairs ->
                    let options = ofPairs pairs
                    validate options
                    create options
        }

    /// The entry of an algorithm whose θ has a length that follows from its options and from the spaces of observations
    /// and actions: `count`.
    let withParameters
        (ofPairs: (string * string) list -> 'C)
        (count: 'C -> Space -> Space -> int)
        (entry: AlgorithmEntry)
        : AlgorithmEntry =
        { entry with
            Parameters = Some(fun pairs observations actions -> count (ofPairs pairs) observations actions)
        }

    /// Options of a file without those that the algorithm no longer takes beside layers of a user's own.
    let internal optionsOfFile (entry: AlgorithmEntry) (pairs: (string * string) list) : (string * string) list =
        pairs
        |> NetworkOptions.withoutUnread (fun () -> [ for option in entry.Options -> option.Name, option.Default ])

    /// The entry of an algorithm that acts by planning.
    let withPlans
        (ofPairs: (string * string) list -> 'C)
        (plans: 'C -> PlanningPlace -> TrainingState -> PlayerMaker)
        (entry: AlgorithmEntry)
        : AlgorithmEntry =
        { entry with Plans = Some(fun pairs place state -> plans (ofPairs pairs) place state) }

    /// The entry of an algorithm that cannot have actions of every space.
    let withActions (suits: Space -> bool) (entry: AlgorithmEntry) : AlgorithmEntry = { entry with Suits = suits }

    /// The entry of an algorithm that learns from recorded episodes without an environment.
    let withData (entry: AlgorithmEntry) : AlgorithmEntry = { entry with NeedsData = true; NeedsEnvironment = false }

    /// The entry of an algorithm that acts in environments and learns from recorded episodes beside them.
    let withDemonstrations (entry: AlgorithmEntry) : AlgorithmEntry = { entry with NeedsData = true }

    /// The entry of an algorithm that asks an expert.
    let withExpert (entry: AlgorithmEntry) : AlgorithmEntry = { entry with NeedsExpert = true }
