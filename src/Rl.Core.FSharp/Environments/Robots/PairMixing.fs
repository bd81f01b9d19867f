/// Which shapes of a robot can touch, and what holds where they do.
namespace Rl.Core.Environments.Robots

open System
open System.IO

/// Pairs of geoms in the order of their constraints: by bodies, then by geoms.
[<RequireQualifiedAccess>]
module internal PairMixing =

    /// Whether contacts of two kinds can be found.
    let private isSupported (first: GeomKind) (second: GeomKind) =
        match first, second with
        | GeomKind.Plane, (GeomKind.Sphere | GeomKind.Capsule | GeomKind.Cylinder)
        | GeomKind.HeightField, (GeomKind.Sphere | GeomKind.Capsule)
        | GeomKind.Sphere, (GeomKind.Sphere | GeomKind.Capsule)
        | GeomKind.Capsule, (GeomKind.Capsule | GeomKind.Cylinder) -> true
        | _ -> false

    let private named (geom: Geom) =
        let name = if geom.Name = "" then "without a name" else $"\"{geom.Name}\""
        $"{name} ({geom.Kind.ToString().ToLowerInvariant()})"

    /// Softness of two geoms: that of the higher priority, or a mean by weights.
    let private mixSoftness (a: Geom) (b: Geom) : Softness =
        if a.Priority > b.Priority then
            a.Softness
        elif b.Priority > a.Priority then
            b.Softness
        else
            let total = a.MixingWeight + b.MixingWeight
            let share = if total < 1e-15 then 0.5 else a.MixingWeight / total
            let mean (value: Softness -> float) = share * value a.Softness + (1.0 - share) * value b.Softness

            {
                TimeConstant = mean _.TimeConstant
                DampingRatio = mean _.DampingRatio
                Minimum = mean _.Minimum
                Maximum = mean _.Maximum
                Width = mean _.Width
                Midpoint = mean _.Midpoint
                Power = mean _.Power
            }

    /// Two geoms put in order, with mixed numbers; none for two planes or fields of heights.
    let private mix (geoms: Geom[]) (i: int) (j: int) : GeomPair voption =
        let first, second = if geoms[i].Kind <= geoms[j].Kind then i, j else j, i
        let a, b = geoms[first], geoms[second]

        if b.Kind = GeomKind.Plane || b.Kind = GeomKind.HeightField then
            ValueNone
        elif not (isSupported a.Kind b.Kind) then
            raise (
                InvalidDataException(
                    $"The geoms {named a} and {named b} can touch, but contacts of these shapes are not supported; \
                      exclude the pair, or keep them apart by contype and conaffinity."
                )
            )
        else
            let byPriority (value: Geom -> 'Value) (larger: 'Value -> 'Value -> 'Value) =
                if a.Priority > b.Priority then value a
                elif b.Priority > a.Priority then value b
                else larger (value a) (value b)

            ValueSome
                {
                    First = first
                    Second = second
                    FirstKind = a.Kind
                    SecondKind = b.Kind
                    Dimension = byPriority _.Dimension max
                    Friction = Math.Max(1e-5, byPriority _.Friction.X max)
                    Margin = max a.Margin b.Margin
                    Gap = max a.Gap b.Gap
                    Softness = mixSoftness a b
                }

    let private indexOf (what: string) (line: int) (names: string[]) (name: string) =
        match Array.IndexOf(names, name) with
        | -1 -> raise (InvalidDataException $"Line {line}: there is no {what} \"{name}\".")
        | found -> found

    /// Pairs that a description names, then those that masks allow.
    let pairs (description: RobotDescription) (bodies: Body[]) (geoms: Geom[]) : GeomPair[] =
        let geomNames = geoms |> Array.map _.Name
        let bodyNames = bodies |> Array.map _.Name

        let given =
            [|
                for pair in description.Pairs do
                    let i = indexOf "geom" pair.PairLine geomNames pair.Geom1
                    let j = indexOf "geom" pair.PairLine geomNames pair.Geom2

                    match mix geoms i j with
                    | ValueNone ->
                        raise (
                            InvalidDataException $"Line {pair.PairLine}: two planes or fields of heights cannot touch."
                        )
                    | ValueSome mixed ->
                        { mixed with
                            Dimension = pair.PairDimension |> ValueOption.defaultValue mixed.Dimension
                            Friction = Math.Max(1e-5, pair.PairFriction |> ValueOption.defaultValue mixed.Friction)
                            Margin = pair.PairMargin |> ValueOption.defaultValue mixed.Margin
                            Gap = pair.PairGap |> ValueOption.defaultValue mixed.Gap
                            Softness = pair.PairSoftness |> ValueOption.defaultValue mixed.Softness
                        }
            |]

        let excluded =
            set
                [
                    for first, second, line in description.Excludes do
                        let i = indexOf "body" line bodyNames first
                        let j = indexOf "body" line bodyNames second
                        min i j, max i j
                ]

        let isGiven (i: int) (j: int) =
            given
            |> Array.exists (fun pair -> pair.First = i && pair.Second = j || pair.First = j && pair.Second = i)

        let mayTouch (b1: int) (b2: int) =
            let w1, w2 = bodies[b1].Welded, bodies[b2].Welded
            let carrier (welded: int) = bodies[bodies[welded].Parent].Welded
            let isNeighbour = w1 <> 0 && w2 <> 0 && (w1 = carrier w2 || w2 = carrier w1)
            w1 <> w2 && not isNeighbour && not (excluded.Contains(b1, b2))

        let masksMeet (a: Geom) (b: Geom) =
            (a.ContactType &&& b.ContactAffinity) <> 0 || (b.ContactType &&& a.ContactAffinity) <> 0

        let geomsOf =
            Array.init bodies.Length (fun body ->
                [|
                    for index in 0 .. geoms.Length - 1 do
                        if geoms[index].Body = body then index
                |])

        [|
            yield! given

            for b1 in 0 .. bodies.Length - 1 do
                for b2 in b1 + 1 .. bodies.Length - 1 do
                    if mayTouch b1 b2 then
                        for i in geomsOf[b1] do
                            for j in geomsOf[b2] do
                                if masksMeet geoms[i] geoms[j] && not (isGiven i j) then
                                    match mix geoms i j with
                                    | ValueSome pair -> pair
                                    | ValueNone -> ()
        |]
