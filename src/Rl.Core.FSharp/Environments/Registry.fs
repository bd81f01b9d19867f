/// Environments by their ids, with keywords for their variants.
namespace Rl.Core.Environments

open System
open System.Globalization
open Rl.Core.Foundations
open Rl.Core.Environments.ClassicControl
open Rl.Core.Environments.ToyText

/// What is to be done with an environment whatever its state is: a function for all `'State`.
type IEnvironmentVisitor<'Result> =
    abstract Visit<'State
        when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType> :
        environment: IEnvironment<'State> -> 'Result

/// A pure environment whose state's type is hidden, so that environments of any state fit in one list.
[<AbstractClass>]
type AnyEnvironment() =
    abstract Id: string
    abstract ObservationSpace: Space
    abstract ActionSpace: Space
    abstract MaxEpisodeSteps: int
    abstract RewardThreshold: float
    /// A batch of `count` copies; `maxEpisodeSteps` replaces the environment's limit (0: none).
    abstract Vectorise: count: int * maxEpisodeSteps: int -> BatchEnvironment
    /// Runs the visitor with the typed environment.
    abstract Accept: visitor: IEnvironmentVisitor<'Result> -> 'Result
    /// A batch of `count` copies with the environment's own time limit.
    member this.Vectorise(count: int) = this.Vectorise(count, this.MaxEpisodeSteps)

    /// Hides the state's type.
    static member Pack(environment: IEnvironment<'State>) =
        { new AnyEnvironment() with
            member _.Id = environment.Id
            member _.ObservationSpace = environment.ObservationSpace
            member _.ActionSpace = environment.ActionSpace
            member _.MaxEpisodeSteps = environment.MaxEpisodeSteps
            member _.RewardThreshold = environment.RewardThreshold
            member _.Vectorise(count: int, maxEpisodeSteps: int) = Vectorised(environment, count, maxEpisodeSteps)
            member _.Accept visitor = visitor.Visit environment
        }

/// The value of a keyword such as `sutton_barto_reward`.
[<RequireQualifiedAccess>]
type KeywordValue =
    | Flag of bool
    | Number of float
    | Text of string

    override this.ToString() =
        match this with
        | Flag value -> if value then "true" else "false"
        | Number value -> value.ToString("R", CultureInfo.InvariantCulture)
        | Text value -> value

/// A keyword that an environment takes.
type Keyword =
    {
        /// Its name in Gymnasium.
        Name: string
        /// The value when it is not given; a given value must be of the same kind.
        Default: KeywordValue
        /// The texts that may be given; empty for any value of the default's kind.
        Choices: string list
        /// One line of help.
        Summary: string
    }

/// A registered environment.
type RegistryEntry =
    {
        Id: string
        /// One line that says what the agent does.
        Summary: string
        Keywords: Keyword list
        /// Builds the environment from a value for every keyword.
        Create: Map<string, KeywordValue> -> AnyEnvironment
    }

/// The environments in the box.
[<RequireQualifiedAccess>]
module Registry =

    let private flag (values: Map<string, KeywordValue>) name = values[name] = KeywordValue.Flag true

    let private number (values: Map<string, KeywordValue>) name =
        match values[name] with
        | KeywordValue.Number value -> value
        | other -> Guard.fail name $"{name} is {other}; it must be a number."

    let private cartPole (options: CartPoleOptions) =
        {
            Id = options.Id
            Summary = "Keep a pole upright on a cart that is pushed left or right."
            Keywords =
                [
                    {
                        Name = "sutton_barto_reward"
                        Default = KeywordValue.Flag false
                        Choices = []
                        Summary = "reward 0 a step and -1 at the fall, instead of 1 a step"
                    }
                    {
                        Name = "kinematics_integrator"
                        Default = KeywordValue.Text "euler"
                        Choices = [ "euler"; "semi-implicit euler" ]
                        Summary = "whether positions move with the old velocities or the new"
                    }
                ]
            Create =
                fun values ->
                    let semiImplicit = values["kinematics_integrator"] = KeywordValue.Text "semi-implicit euler"

                    AnyEnvironment.Pack(
                        CartPole
                            { options with
                                SuttonBartoReward = flag values "sutton_barto_reward"
                                Integrator =
                                    if semiImplicit then
                                        KinematicsIntegrator.SemiImplicitEuler
                                    else
                                        KinematicsIntegrator.Euler
                            }
                    )
        }

    let private pendulum =
        {
            Id = Pendulum.V1.Id
            Summary = "Swing a pendulum up with a weak motor and keep it there."
            Keywords =
                [
                    {
                        Name = "g"
                        Default = KeywordValue.Number Pendulum.V1.Gravity
                        Choices = []
                        Summary = "the acceleration of gravity, m/s²"
                    }
                ]
            Create = fun values -> AnyEnvironment.Pack(Pendulum { Pendulum.V1 with Gravity = number values "g" })
        }

    let private blackjack =
        {
            Id = "Blackjack-v1"
            Summary = "Come nearer to 21 than the dealer without going over."
            Keywords =
                [
                    {
                        Name = "natural"
                        Default = KeywordValue.Flag Blackjack.V1.Natural
                        Choices = []
                        Summary = "a natural that wins pays 1.5; without effect if sab is true"
                    }
                    {
                        Name = "sab"
                        Default = KeywordValue.Flag Blackjack.V1.SuttonBarto
                        Choices = []
                        Summary = "the rules of Sutton and Barto: a natural beats 21 in more cards"
                    }
                ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(Blackjack { Natural = flag values "natural"; SuttonBarto = flag values "sab" })
        }

    /// Every entry, ordered by id.
    let entries: RegistryEntry list =
        [ blackjack; cartPole CartPole.V0; cartPole CartPole.V1; pendulum ] |> List.sortBy _.Id

    /// Every id, ordered.
    let ids: string list = entries |> List.map _.Id

    /// The entry of an id, if there is one.
    let tryFind (id: string) : RegistryEntry option = entries |> List.tryFind (fun entry -> entry.Id = id)

    /// The number of insertions, deletions and substitutions of letters (whatever their case) between two texts (Levenshtein 1966).
    let internal editDistance (first: string) (second: string) =
        let first, second = first.ToLowerInvariant(), second.ToLowerInvariant()
        let mutable row = Array.init (second.Length + 1) id

        for i in 1 .. first.Length do
            let next = Array.create (second.Length + 1) i

            for j in 1 .. second.Length do
                let substitution = row[j - 1] + (if first[i - 1] = second[j - 1] then 0 else 1)
                next[j] <- min substitution (1 + min row[j] next[j - 1])

            row <- next

        row[second.Length]

    /// The three names nearest to a wrong one, by edits.
    let nearestOf (names: seq<string>) (wrong: string) : string list =
        names |> Seq.sortBy (editDistance wrong) |> Seq.truncate 3 |> Seq.toList

    /// The three ids nearest to a wrong one.
    let nearest (id: string) : string list = nearestOf ids id

    /// The entry of an id; `ArgumentException` that lists the nearest ids if there is none.
    let find (id: string) : RegistryEntry =
        Guard.notNull (nameof id) id

        match tryFind id with
        | Some entry -> entry
        | None ->
            let names = String.Join(", ", nearest id)
            Guard.fail (nameof id) $"There is no environment \"{id}\"; the nearest ids are {names}."

    let private accept (entry: RegistryEntry) (values: Map<string, KeywordValue>) (name: string, value: KeywordValue) =
        match entry.Keywords |> List.tryFind (fun keyword -> keyword.Name = name) with
        | None ->
            let known = String.Join(", ", entry.Keywords |> List.map _.Name)
            Guard.fail name $"{entry.Id} has no keyword \"{name}\"; it has {known}."
        | Some keyword ->
            match keyword.Default, value with
            | KeywordValue.Flag _, KeywordValue.Flag _
            | KeywordValue.Number _, KeywordValue.Number _ -> values.Add(name, value)
            | KeywordValue.Text _, KeywordValue.Text text when
                keyword.Choices.IsEmpty || List.contains text keyword.Choices
                ->
                values.Add(name, value)
            | KeywordValue.Flag _, _ -> Guard.fail name $"{entry.Id}: {name} is {value}; it must be true or false."
            | KeywordValue.Number _, _ -> Guard.fail name $"{entry.Id}: {name} is {value}; it must be a number."
            | KeywordValue.Text _, _ ->
                let choices = String.Join(", ", keyword.Choices |> List.map (fun choice -> $"\"{choice}\""))
                Guard.fail name $"{entry.Id}: {name} is {value}; it must be one of {choices}."

    /// The environment of an id with some keywords changed; `ArgumentException` for an unknown id or keyword or a wrong value.
    let makeWith (keywords: (string * KeywordValue) list) (id: string) : AnyEnvironment =
        let entry = find id
        let defaults = Map.ofList [ for keyword in entry.Keywords -> keyword.Name, keyword.Default ]
        entry.Create(List.fold (accept entry) defaults keywords)

    /// The environment of an id; `ArgumentException` if there is none.
    let make (id: string) : AnyEnvironment = makeWith [] id
